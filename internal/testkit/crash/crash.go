// Package crash runs a program and hurts it at one of the system calls by which it
// changes or opens files: it kills the program in its place, or lets the call fail.
// Only tests import it; it needs Linux on amd64, where Supported is true.
package crash

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Point is one system call about a file below the root.
type Point struct {
	Call string // "read" (an open for that), "open", "write", "fsync", "truncate", "rename", "remove" or "mkdir"
	Path string // from the root
}

// Fault is what happens instead of the call with a number, which begins at 1; 0 is none.
type Fault struct {
	At    int
	Errno syscall.Errno // 0: the program is killed
}

func (f Fault) String() string {
	switch {
	case f.At == 0:
		return "none"
	case f.Errno == 0:
		return "kill"
	}
	return strings.ToUpper(names[f.Errno])
}

var names = map[syscall.Errno]string{syscall.ENOSPC: "enospc", syscall.EIO: "eio", syscall.EINTR: "eintr", syscall.EROFS: "erofs"}

// Through makes a command run under Main, which has to be a program of its own with
// that path: it waits for all children of its process. Calls about files below root
// count, and are listed in log.
func Through(cmd *exec.Cmd, main, root, log string, fault Fault) {
	words := []string{main, root, log, strconv.Itoa(fault.At), strconv.Itoa(int(fault.Errno)), cmd.Path}
	cmd.Args = append(words, cmd.Args[1:]...)
	cmd.Path = main
}

// Points reads the calls of a run from its log.
func Points(log string) (points []Point, err error) {
	text, err := os.ReadFile(log)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &points)
	}
	return points, err
}
