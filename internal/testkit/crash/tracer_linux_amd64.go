package crash

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Supported says whether this machine can do it.
const Supported = true

// kind is how the arguments of a system call name a file.
type kind int

const (
	byFD   kind = iota // the first one is a file descriptor
	byAt               // a directory's descriptor and a path
	byPath             // a path
)

var calls = map[uint64]struct {
	name string
	kind kind
}{
	syscall.SYS_OPENAT: {"open", byAt}, syscall.SYS_OPEN: {"open", byPath},
	syscall.SYS_WRITE: {"write", byFD}, syscall.SYS_PWRITE64: {"write", byFD}, syscall.SYS_WRITEV: {"write", byFD},
	syscall.SYS_FSYNC: {"fsync", byFD}, syscall.SYS_FDATASYNC: {"fsync", byFD}, syscall.SYS_FTRUNCATE: {"truncate", byFD},
	syscall.SYS_RENAMEAT: {"rename", byAt}, 316: {"rename", byAt}, syscall.SYS_RENAME: {"rename", byPath},
	syscall.SYS_UNLINKAT: {"remove", byAt}, syscall.SYS_UNLINK: {"remove", byPath},
	syscall.SYS_MKDIRAT: {"mkdir", byAt}, syscall.SYS_MKDIR: {"mkdir", byPath},
}

// tracer runs one program. All of it happens on one thread of the system.
type tracer struct {
	pid    int
	root   string
	fault  Fault
	points []Point
	failed map[int]syscall.Errno // by thread: what its call gives
}

// Main is the program that Through runs commands under, with its arguments. It gives the
// exit code of the command, 128 and the signal if one ended it. The command gets a SIGTERM
// that it gets.
func Main(args []string) (code int, err error) {
	const ownWords = 4
	if len(args) <= ownWords {
		return 0, errors.New("no command")
	}
	at, err := strconv.Atoi(args[2])
	if err != nil {
		return 0, err
	}
	errno, err := strconv.Atoi(args[3])
	if err != nil {
		return 0, err
	}
	runtime.LockOSThread()
	t := tracer{root: args[0], fault: Fault{At: at, Errno: syscall.Errno(errno)}, failed: map[int]syscall.Errno{}}
	command := args[ownWords:]
	t.pid, err = syscall.ForkExec(command[0], command, &syscall.ProcAttr{
		Env: syscall.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return 0, err
	}
	terminations := make(chan os.Signal, 1)
	signal.Notify(terminations, syscall.SIGTERM)
	go func() {
		for range terminations {
			_ = syscall.Kill(t.pid, syscall.SIGTERM) // it may have ended
		}
	}()
	status, err := t.follow()
	if err != nil {
		return 0, err
	}
	text, err := json.Marshal(t.points)
	if err == nil {
		err = os.WriteFile(args[1], text, 0o600)
	}
	if status.Signaled() {
		return 128 + int(status.Signal()), err
	}
	return status.ExitStatus(), err
}

// exitWithTracer is PTRACE_O_EXITKILL, which package syscall does not have.
const exitWithTracer = 0x100000

// follow lets the program run from call to call, to its end.
func (t *tracer) follow() (status syscall.WaitStatus, err error) {
	if _, err := syscall.Wait4(t.pid, &status, syscall.WALL, nil); err != nil {
		return status, err
	}
	// Only its threads, not what it starts: git's files are git's.
	if err := syscall.PtraceSetOptions(t.pid, syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|exitWithTracer); err != nil {
		return status, err
	}
	known := map[int]bool{t.pid: true}
	for tid := t.pid; ; {
		deliver := 0
		if known[tid] && status.Stopped() {
			deliver, err = t.stopped(tid, status.StopSignal())
		}
		known[tid] = true
		if err == nil && status.Stopped() {
			err = syscall.PtraceSyscall(tid, deliver)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) { // killed meanwhile
			return status, err
		}
		for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
			tid, err = syscall.Wait4(-1, &status, syscall.WALL, nil)
		}
		if err != nil {
			return status, err
		}
		if tid == t.pid && !status.Stopped() { // the last thing that is heard of a process
			return status, nil
		}
	}
}

// stopped looks at a thread, and gives the signal that it is to get.
func (t *tracer) stopped(tid int, sent syscall.Signal) (deliver int, err error) {
	switch sent {
	case syscall.SIGTRAP: // it has been started, or has made a thread
		return 0, nil
	case syscall.SIGTRAP | 0x80:
	default:
		return int(sent), nil
	}
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return 0, err
	}
	if errno, ok := t.failed[tid]; ok {
		delete(t.failed, tid)
		regs.Rax = -uint64(errno)
		return 0, syscall.PtraceSetRegs(tid, &regs)
	}
	call, ok := calls[regs.Orig_rax]
	if !ok || int64(regs.Rax) != -int64(syscall.ENOSYS) { // it is in there when a call begins
		return 0, nil
	}
	path, ok := t.path(tid, call.kind, regs)
	if !ok {
		return 0, nil
	}
	if call.name == "open" && t.flags(call.kind, regs)&(syscall.O_WRONLY|syscall.O_RDWR) == 0 {
		call.name = "read"
	}
	t.points = append(t.points, Point{call.name, path})
	switch {
	case len(t.points) != t.fault.At:
		return 0, nil
	case t.fault.Errno == 0:
		return 0, syscall.Kill(t.pid, syscall.SIGKILL)
	}
	t.failed[tid] = t.fault.Errno
	regs.Orig_rax = ^uint64(0) // no call
	return 0, syscall.PtraceSetRegs(tid, &regs)
}

// path gives the file that a call is about, if that lies below the root.
func (t *tracer) path(tid int, how kind, regs syscall.PtraceRegs) (string, bool) {
	link := func(name string) string {
		path, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(t.pid), name))
		return path
	}
	var path string
	switch how {
	case byFD:
		path = link(filepath.Join("fd", strconv.FormatUint(regs.Rdi, 10)))
	case byAt:
		path = t.text(tid, uintptr(regs.Rsi))
	case byPath:
		path = t.text(tid, uintptr(regs.Rdi))
	}
	if !filepath.IsAbs(path) && how != byFD {
		path = filepath.Join(link("cwd"), path) // Go opens nothing below another directory
	}
	rest, below := strings.CutPrefix(path, t.root+"/")
	return rest, below
}

// flags are those of an open.
func (t *tracer) flags(how kind, regs syscall.PtraceRegs) int {
	if how == byPath {
		return int(regs.Rsi)
	}
	return int(regs.Rdx)
}

// text reads a string of the program.
func (t *tracer) text(tid int, at uintptr) string {
	var text []byte
	piece := make([]byte, 64)
	for len(text) < 4096 {
		n, _ := syscall.PtracePeekData(tid, at+uintptr(len(text)), piece) // less at the end of a page
		if n == 0 {
			return ""
		}
		if end := bytes.IndexByte(piece[:n], 0); end >= 0 {
			return string(append(text, piece[:end]...))
		}
		text = append(text, piece[:n]...)
	}
	return ""
}
