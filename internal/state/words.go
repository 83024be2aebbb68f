package state

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Word is the user's word that memories of a project may move between a work tree and
// a remote, though it was a file of that work tree that chose the project.
type Word struct {
	Remote   string    `json:"remote"` // "" for what moves to and from no remote
	WorkTree string    `json:"work_tree"`
	Project  string    `json:"project"` // normalised
	Given    time.Time `json:"given"`
}

type wordFile struct {
	Schema int `json:"schema"`
	Word
}

func (w Word) path(root Root) string {
	return root.Path("trusted", fileName(w.Remote+"\x00"+w.WorkTree+"\x00"+w.Project)+".json")
}

// Words are all that the user has given, by work tree. What cannot be read was not given.
func Words(root Root) []Word {
	var words []Word
	for _, path := range filesBeside(root.Path("trusted", "a.json")) {
		var file wordFile
		text, err := sharing.ReadFile(path)
		if err == nil && CheckSchema(text, 1) == nil && json.Unmarshal(text, &file) == nil && file.path(root) == path {
			words = append(words, file.Word)
		}
	}
	slices.SortFunc(words, func(a, b Word) int {
		return slices.Compare([]string{a.WorkTree, a.Remote, a.Project}, []string{b.WorkTree, b.Remote, b.Project})
	})
	return words
}

// Give remembers a word. It is on disk when Give returns.
func (w Word) Give(root Root) error {
	text, err := json.MarshalIndent(wordFile{1, w}, "", "  ")
	if err == nil {
		err = root.write(w.path(root), text)
	}
	if err != nil {
		return fmt.Errorf("remember what is trusted: %w", err)
	}
	return nil
}

// TakeBack forgets a word that Words gave.
func (w Word) TakeBack(root Root) error {
	if err := sharing.Remove(w.path(root)); err != nil {
		return fmt.Errorf("forget what is trusted: %w", err)
	}
	return nil
}
