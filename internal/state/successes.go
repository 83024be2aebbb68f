package state

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// successFile says when one command has last succeeded with one remote and one chunk directory. Each command has a file of
// its own, so that runs at the same time do not wait for each other.
type successFile struct {
	Schema  int       `json:"schema"`
	Remote  string    `json:"remote"`
	Dir     string    `json:"dir"` // or where pull would make one; "" outside of a work tree
	Command string    `json:"command"`
	At      time.Time `json:"at"`
}

const (
	successSchema = 1
	// maxSuccesses bounds how many are remembered: directories that are made for one run leave one each, and the oldest go.
	maxSuccesses = 1000
)

// NoteSuccess remembers that a command has succeeded at a time.
func NoteSuccess(root Root, remote, dir, command string, at time.Time) error {
	path := successPath(root, remote, dir, command)
	text, err := json.Marshal(successFile{successSchema, remote, dir, command, at.UTC().Truncate(time.Second)})
	if err == nil {
		err = root.write(path, append(text, '\n'))
	}
	if err == nil {
		err = prune(path, maxSuccesses)
	}
	if err != nil {
		return fmt.Errorf("remember when %s succeeded: %w", command, err)
	}
	return nil
}

// LastSuccess gives the time of the last one, in UTC and whole seconds; ok is false where none is known.
func LastSuccess(root Root, remote, dir, command string) (at time.Time, ok bool) {
	var file successFile
	text, err := sharing.ReadFile(successPath(root, remote, dir, command))
	if err != nil || CheckSchema(text, successSchema) != nil || json.Unmarshal(text, &file) != nil {
		return time.Time{}, false
	}
	return file.At, true
}

func successPath(root Root, remote, dir, command string) string {
	return root.Path("successes", fileName(remote+"\x00"+dir+"\x00"+command)+".json")
}
