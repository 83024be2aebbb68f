package state

import (
	"os"
	"path/filepath"
	"strings"
)

// ReadKind gives what a remote with this base URL was found to be in an earlier
// run; "" if that is not known. It is only a hint that saves a request, so what
// can't be read counts as unknown. dir is the state directory.
func ReadKind(dir, remote string) string {
	text, err := os.ReadFile(kindPath(dir, remote))
	if err != nil || len(text) > maxKind {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// WriteKind remembers what a remote is; "" forgets it. One that can't be kept is
// found out again.
func WriteKind(dir, remote, kind string) {
	path := kindPath(dir, remote)
	if kind == "" {
		_ = os.Remove(path)
		return
	}
	_ = write(path, []byte(kind+"\n"))
}

const maxKind = 32 // bytes

func kindPath(dir, remote string) string {
	return filepath.Join(dir, "kinds", fileName(remote))
}
