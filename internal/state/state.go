// Package state keeps what engram-sync has to remember between runs, in a
// directory of its own: nothing of it ever goes into engram's. The commands open
// what they need of it, and give it to the loops behind their interfaces.
package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

// Dir is where state is kept: $XDG_STATE_HOME/engram-sync, or below the OS's
// own place for such files. It need not exist yet.
func Dir() string { return filepath.Join(xdg.StateHome, "engram-sync") }

// fileName is the part of a file's name that stands for something with a name of
// its own, such as a URL or a path.
func fileName(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:8])
}

// filesBeside are the files of its kind in the directory of a file, itself too. The
// directory's name is no pattern: it may hold any character.
func filesBeside(path string) []string {
	dir := filepath.Dir(path)
	entries, _ := os.ReadDir(dir) // where there is none, there are no files
	var paths []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == filepath.Ext(path) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

// Root is the state directory, as one user of it may use it.
type Root struct {
	dir   string
	looks bool
}

// In is the state directory at dir.
func In(dir string) Root { return Root{dir: dir} }

// OnlyLook is for who only looks: what is remembered is brought up to date where it
// is there, and nothing new is made.
func (r Root) OnlyLook() Root { return Root{r.dir, true} }

// Path is the path of something in the directory.
func (r Root) Path(names ...string) string {
	return filepath.Join(append([]string{r.dir}, names...)...)
}

// write puts a file in place, and makes its directory if need be.
func (r Root) write(path string, text []byte) error {
	if r.looks && !exists(path) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, text, 0o600)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// CheckSchema says whether a JSON document that we wrote has this schema.
func CheckSchema(text []byte, want int) error {
	var doc struct {
		Schema int `json:"schema"`
	}
	switch err := json.Unmarshal(text, &doc); {
	case err != nil:
		return err
	case doc.Schema > want:
		return fmt.Errorf("its schema is %d: a newer engram-sync wrote it", doc.Schema)
	case doc.Schema != want:
		return fmt.Errorf("its schema is %d", doc.Schema)
	}
	return nil
}

// KeepManifest keeps a copy of the manifest of the chunk directory at path,
// before it is rewritten, and gives the path of the copy. Copies are never removed; the same text is kept once a second.
func KeepManifest(root Root, path string, text []byte, now time.Time) (string, error) {
	what := sha256.Sum256(text)
	copied := root.Path("manifests", fileName(path), now.UTC().Format("20060102T150405Z")+"-"+hex.EncodeToString(what[:4])+".json")
	if err := root.write(copied, text); err != nil {
		return "", fmt.Errorf("keep a copy of the manifest: %w", err)
	}
	return copied, nil
}
