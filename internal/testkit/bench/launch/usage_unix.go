//go:build unix

package launch

import (
	"os"
	"runtime"
	"syscall"
)

// peak is the most memory that a process had.
func peak(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return usage.Maxrss // in bytes
	}
	return usage.Maxrss * 1024
}

// terminate asks a process to end, which a server does after the requests under way.
func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }
