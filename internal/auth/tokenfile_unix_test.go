//go:build unix

package auth_test

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/auth"
)

// A pipe that nobody writes to does not outlive the run.
func TestAPipeWithoutAWriterEndsWithTheRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	over := errors.New("the run is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(over)
	_, err := auth.Finder{Environ: []string{"ENGRAM_SYNC_TOKEN_FILE=" + path}, BaseURL: server}.Find(ctx)
	if !errors.Is(err, over) {
		t.Errorf("got %v", err)
	}
	// The reader that is left behind ends too.
	fd, err := syscall.Open(path, syscall.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Close(fd); err != nil {
		t.Error(err)
	}
}
