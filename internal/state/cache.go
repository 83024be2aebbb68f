package state

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

const (
	// maxCacheBytes bounds one file. The rows of 10,000 usual chunks take some 20 MB.
	maxCacheBytes = 256 << 20
	// maxCacheFiles bounds how many directories are remembered: the oldest go.
	maxCacheFiles = 64
)

// Cache is a file about something that has a name, such as a chunk directory. It can
// always be made anew: its text, behind the SHA-256 of it. Mode 0600, in a directory
// of mode 0700. As what Get and Put see, it is the last answer to a question.
type Cache struct {
	root Root
	path string
}

// OpenCache gives the place of a cache.
func OpenCache(root Root, kind, name string) Cache {
	return Cache{root, root.Path(kind, fileName(name)+".cache")}
}

// read gives the text, nil where there is none that is whole.
func (c Cache) read() []byte {
	f, err := sharing.Open(c.path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read
	content, err := io.ReadAll(io.LimitReader(f, maxCacheBytes))
	if err != nil || len(content) < sha256.Size {
		return nil
	}
	text := content[sha256.Size:]
	if sum := sha256.Sum256(text); !bytes.Equal(sum[:], content[:sha256.Size]) {
		return nil
	}
	return text
}

// write replaces the text. One that is too large is not kept, and nor is the old one.
func (c Cache) write(text []byte) error {
	if len(text)+sha256.Size > maxCacheBytes {
		if err := sharing.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("drop a cache: %w", err)
		}
		return nil
	}
	sum := sha256.Sum256(text)
	if err := c.root.write(c.path, slices.Concat(sum[:], text)); err != nil {
		return fmt.Errorf("write a cache: %w", err)
	}
	if err := prune(c.path, maxCacheFiles); err != nil {
		return fmt.Errorf("drop an old cache: %w", err)
	}
	return nil
}

// prune removes the files beside a file that were written longest ago, if there are more than most.
func prune(path string, most int) error {
	paths := filesBeside(path)
	if len(paths) <= most {
		return nil
	}
	age := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return info.ModTime().UnixNano()
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(age(a), age(b)) })
	for _, path := range paths[:len(paths)-most] {
		if err := sharing.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// answerFile is the text of the file.
type answerFile struct {
	Question string          `json:"question"`
	Answer   json.RawMessage `json:"answer"`
}

// Get reads the answer into answer, if it is that to the same question. The
// question must name all that the answer depends on.
func (c Cache) Get(question string, answer any) bool {
	var file answerFile
	return json.Unmarshal(c.read(), &file) == nil && file.Question == question &&
		json.Unmarshal(file.Answer, answer) == nil
}

// Put replaces the answer.
func (c Cache) Put(question string, answer any) error {
	text, err := json.Marshal(answer)
	if err == nil {
		text, err = json.Marshal(answerFile{question, text})
	}
	if err != nil {
		return err
	}
	return c.write(text)
}
