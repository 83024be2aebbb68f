package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Server is a PostgreSQL with a cluster of its own, which listens on a socket in
// its directory only. It ends with this process at the latest.
type Server struct {
	URL string // of its database "postgres"; its superuser is of the same name

	bin, dir string
	as       *syscall.Credential // nil: who runs the tests
	process  *exec.Cmd
}

// Start starts a server for one test, which may hurt it.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := start()
	if err != nil {
		missing(t, err)
	}
	t.Cleanup(s.stop)
	return s
}

func start() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	// Not below the test's directory: the path of a socket has a limit of 107 bytes.
	dir, err := os.MkdirTemp("/tmp", "pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, URL: "postgres:///postgres?" + url.Values{"host": {dir}, "user": {"postgres"}}.Encode()}
	if err := errors.Join(s.beSomebody(), s.init()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// programs finds the newest server: Debian keeps each release apart, outside of PATH.
func programs() (dir string, err error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("there is no program postgres")
	}
	release := func(path string) (n int) {
		n, _ = strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return release(a) - release(b) })), nil
}

// beSomebody finds whom to run as: PostgreSQL refuses root.
func (s *Server) beSomebody() error {
	if os.Geteuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	uid, err := strconv.Atoi(who.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(who.Gid)
	if err != nil {
		return err
	}
	s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, uid, gid)
}

// command is one of PostgreSQL's programs, which is killed with this process.
func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + s.bin, "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd
}

func (s *Server) init() error {
	out, err := s.command("initdb", "-D", s.data(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// run starts the server, and returns once it says that it is ready.
func (s *Server) run() error {
	s.process = s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200",
		"-c", "logging_collector=off", "-c", "log_destination=stderr")
	log, err := s.process.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	var said strings.Builder
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), "ready to accept connections") {
			go func() { // nobody reads what else it says
				for lines.Scan() {
				}
			}()
			return nil
		}
	}
	return fmt.Errorf("postgres: %w: %s", errors.Join(lines.Err(), s.process.Wait()), &said)
}

// Kill ends the server and all of its sessions at once, as a crash of the machine
// does.
func (s *Server) Kill() error {
	pid := s.process.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	err = errors.Join(err, syscall.Kill(pid, syscall.SIGKILL))
	for child := range strings.FieldsSeq(string(children)) {
		if n, bad := strconv.Atoi(child); bad == nil {
			_ = syscall.Kill(n, syscall.SIGKILL) // it may have ended by itself
		}
	}
	var exited *exec.ExitError
	if waited := s.process.Wait(); !errors.As(waited, &exited) {
		err = errors.Join(err, waited)
	}
	return err
}

// Restart starts the server anew, after Kill. It refuses while the last of its
// sessions is still there.
func (s *Server) Restart() (err error) {
	for range 1000 {
		if err = s.run(); err == nil || !strings.Contains(err.Error(), "is still in use") {
			break
		}
	}
	return err
}

// Begin is Start outside of a test: the error says that there is none. The caller stops it.
func Begin() (*Server, error) { return start() }

// Stop ends the server, and removes all that it has.
func (s *Server) Stop() { s.stop() }

func (s *Server) stop() {
	_ = s.Kill() // whatever it was at: its cluster goes
	_ = os.RemoveAll(s.dir)
}
