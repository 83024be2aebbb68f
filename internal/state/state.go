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

// write puts a file in place, and makes its directory if need be.
func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, text, 0o600)
}

// checkSchema says whether a JSON document that we wrote has this schema.
func checkSchema(text []byte, want int) error {
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
