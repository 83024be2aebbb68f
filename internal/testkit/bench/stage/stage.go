// Package stage is where contestants run: each as a process of its own, with an empty home, against
// servers that are processes too, over a proxy that stands for a distance. It knows how processes are
// started and what they took, not what is compared.
package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/bench/launch"
)

// Program is one that can be compared: engram-sync as it is or was, or the bench in one of its modes.
type Program struct {
	Path string
	Args []string // before those of a run
}

// Stage is a directory for everything that a run of the bench makes, and the programs.
type Stage struct {
	Dir    string
	Top    string // of the module
	Now    Program
	Before *Program // nil without a commit to compare with
	self   string
	path   string // to find git
	launch string // the launcher
	names  atomic.Int64

	templates map[string]Data
}

// New makes a stage in a directory, for the module at top. The bench program itself is self; path is
// where other programs are looked for.
func New(dir, top, self, path string) *Stage {
	return &Stage{
		Dir: dir, Top: top, self: self, path: path, launch: filepath.Join(dir, "launch"), templates: map[string]Data{},
		Now: Program{Path: filepath.Join(dir, "now", "engram-sync")},
	}
}

// Mode is the bench program in another of its modes.
func (s *Stage) Mode(name string) Program { return Program{Path: s.self, Args: []string{BeFlag, name}} }

// Usage is what a process took.
type Usage = launch.Usage

// BeFlag is the flag that chooses a mode.
const BeFlag = "-be"

// Temp is a path below the stage that nothing has yet.
func (s *Stage) Temp(name string) string {
	return filepath.Join(s.Dir, name+"-"+strconv.FormatInt(s.names.Add(1), 10))
}

// Command is a program to run.
type Command struct {
	Program
	Home string            // "" is a new one, which goes afterwards
	Env  map[string]string // beside the home's
	Dir  string
	Run  []string // the arguments behind the program's
}

// Run runs a command to its end, which has to be good: exit code 0, or one of those that are allowed.
func (s *Stage) Run(ctx context.Context, c Command, allowed ...int) (Usage, error) {
	if c.Home == "" {
		c.Home = s.Temp("home")
		defer func() { _ = os.RemoveAll(c.Home) }() // the stage goes as a whole later
	}
	p, err := s.start(ctx, c)
	if err != nil {
		return Usage{}, err
	}
	u, err := p.wait()
	if err != nil {
		return u, err
	}
	for _, code := range allowed {
		if u.Exit == code {
			return u, nil
		}
	}
	if u.Exit != 0 {
		return u, fmt.Errorf("%s %s: exit code %d: %s", filepath.Base(c.Path), strings.Join(c.Run, " "), u.Exit, lastLines(u))
	}
	return u, nil
}

// lastLines are those in which a program says why it failed.
func lastLines(u Usage) string {
	text := strings.TrimSpace(u.Stderr)
	if text == "" {
		text = strings.TrimSpace(u.Stdout)
	}
	return text[max(0, len(text)-500):]
}

// process is a command that runs.
type process struct {
	cmd            *exec.Cmd
	control        io.Closer
	report         string
	stdout, stderr *text
}

func (s *Stage) start(ctx context.Context, c Command) (*process, error) {
	if err := os.MkdirAll(c.Home, 0o700); err != nil {
		return nil, fmt.Errorf("make a home: %w", err)
	}
	p := &process{report: s.Temp("report"), stdout: &text{}, stderr: &text{}}
	args := append([]string{p.report, c.Path}, append(c.Args[:len(c.Args):len(c.Args)], c.Run...)...)
	p.cmd = exec.CommandContext(ctx, s.launch, args...)
	p.cmd.Env = s.environment(c)
	p.cmd.Dir = c.Dir
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	control, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	p.control = control
	p.cmd.Cancel = control.Close
	p.cmd.WaitDelay = 10 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	return p, nil
}

// environment has nothing of the caller's but where programs are.
func (s *Stage) environment(c Command) []string {
	env := []string{
		"PATH=" + s.path, "HOME=" + c.Home, "USERPROFILE=" + c.Home, "TMPDIR=" + s.Dir, "TMP=" + s.Dir, "USER=dev",
		"GIT_CONFIG_NOSYSTEM=1", "XDG_CONFIG_HOME=" + filepath.Join(c.Home, ".config"), "XDG_CACHE_HOME=" + filepath.Join(c.Home, ".cache"),
		"XDG_STATE_HOME=" + filepath.Join(c.Home, ".local", "state"), "XDG_DATA_HOME=" + filepath.Join(c.Home, ".local", "share"),
	}
	for name, value := range c.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// wait gives what the process took, once it has ended.
func (p *process) wait() (Usage, error) {
	if err := p.cmd.Wait(); err != nil {
		return Usage{}, fmt.Errorf("run a process: %w: %s", err, p.stderr)
	}
	u, err := launch.Read(p.report)
	u.Stdout, u.Stderr = p.stdout.String(), p.stderr.String()
	return u, err
}

// text is what a process says. Somebody may wait for a line of it.
type text struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	wants *regexp.Regexp
	found chan []string
}

// Write implements io.Writer.
func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p) // it never fails
	t.look()
	return len(p), nil
}

// look answers who waits; t.mu is held.
func (t *text) look() {
	if t.wants == nil {
		return
	}
	if match := t.wants.FindStringSubmatch(t.buf.String()); match != nil {
		t.wants = nil
		t.found <- match
	}
}

// String is all of it until now.
func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// await gives the channel on which a match comes.
func (t *text) await(wants *regexp.Regexp) <-chan []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wants, t.found = wants, make(chan []string, 1)
	t.look()
	return t.found
}

var errEnded = errors.New("the server has ended before it served")
