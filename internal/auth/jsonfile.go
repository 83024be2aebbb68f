package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/filelock"
)

// jsonFile is a small file of our own, which one process at a time changes. It
// is readable by the user alone. A missing one is the zero value of T.
type jsonFile[T any] struct {
	path string
	what string // to call it by in errors
}

func (f jsonFile[T]) read() (T, error) {
	var content, none T
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("read %s: %w", f.what, err)
	}
	if json.Unmarshal(text, &content) != nil {
		// The decoder's own text could quote a token.
		return none, fmt.Errorf("read %s: %s is not what engram-sync wrote: remove it, and log in again", f.what, f.path)
	}
	return content, nil
}

// change rewrites the file while no other process does.
func (f jsonFile[T]) change(edit func(*T)) (err error) {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("write %s: %w", f.what, err)
	}
	unlock, err := filelock.Lock(context.Background(), f.path+".lock") // nobody holds it for long
	if err != nil {
		return fmt.Errorf("write %s: %w", f.what, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	content, err := f.read()
	if err != nil {
		return err
	}
	edit(&content)
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", f.what, err)
	}
	if err := atomicfile.Write(f.path, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", f.what, err)
	}
	return nil
}
