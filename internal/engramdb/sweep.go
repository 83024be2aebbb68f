package engramdb

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// copyPrefix begins the names of the directories with private copies.
const copyPrefix = "engram-sync-view-"

// forgotten is the age at which nobody reads a private copy any more.
const forgotten = 24 * time.Hour

// sweep is once a process enough.
var sweep sync.Once

// sweepCopies removes the private copies that earlier runs could not: where they were killed, or, on
// Windows, where somebody had one open. One that stays is tried by the next run.
func sweepCopies() {
	entries, _ := os.ReadDir(os.TempDir()) // where nothing can be listed, nothing is swept
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), copyPrefix) {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > forgotten {
			_ = sharing.RemoveAll(filepath.Join(os.TempDir(), entry.Name()))
		}
	}
}
