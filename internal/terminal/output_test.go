package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
)

// A reader that has seen enough is no failure; a connection that broke is one.
func TestClosedPipeIsThatOfStdout(t *testing.T) {
	t.Parallel()
	broken := &os.SyscallError{Syscall: "write", Err: syscall.EPIPE}
	if IsClosedPipe(fmt.Errorf("round: %w", broken)) {
		t.Error("a broken connection counts as a reader that has seen enough")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(DirectLines{w}, "{}\n"); !IsClosedPipe(err) {
		t.Errorf("nobody reads: %v", err)
	}
	if _, err := io.WriteString(DirectLines{failing{}}, "{}\n"); err == nil || IsClosedPipe(err) {
		t.Errorf("a full disk: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
