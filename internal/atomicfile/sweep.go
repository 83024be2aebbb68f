package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sweep removes what killed processes left in dir: regular files with the
// name of a temporary file. Subdirectories are not entered; a missing dir is
// fine. A file that is being written looks the same, so hold the lock on dir.
// One file that cannot be removed does not spare the others.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look for leftovers: %w", err)
	}
	var failure error
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !isTempName(entry.Name()) {
			continue
		}
		err := os.Remove(filepath.Join(dir, entry.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failure = errors.Join(failure, fmt.Errorf("cannot remove a leftover: %w", err))
		}
	}
	return failure
}

func isTempName(name string) bool {
	return strings.HasPrefix(name, TempPrefix) && strings.HasSuffix(name, TempSuffix)
}
