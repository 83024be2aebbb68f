package cli

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/crash"
)

// wholeMatrix is the variable that makes TestCrash go through all points, as `make crash`
// does. Without it each command is hurt at a few of them.
const wholeMatrix = "ENGRAM_SYNC_CRASH"

// fewPoints are how many points of a command the short form takes.
const fewPoints = 6

// crashErrnos are the errors that a call can give instead, by what it does.
var crashErrnos = map[string][]syscall.Errno{
	"read":     {syscall.EIO, syscall.EINTR},
	"open":     {syscall.ENOSPC, syscall.EIO, syscall.EINTR, syscall.EROFS},
	"write":    {syscall.ENOSPC, syscall.EIO, syscall.EINTR},
	"fsync":    {syscall.ENOSPC, syscall.EIO, syscall.EINTR},
	"truncate": {syscall.EIO, syscall.EINTR},
	"rename":   {syscall.ENOSPC, syscall.EIO, syscall.EROFS},
	"remove":   {syscall.EIO, syscall.EROFS},
	"mkdir":    {syscall.ENOSPC, syscall.EIO, syscall.EROFS},
}

// crashMain is the program that the commands of TestCrash run under.
func crashMain() int {
	code, err := crash.Main(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		return 99
	}
	return code
}

// traced lets a command run with a fault. What it does to files for the moment counts
// too. points gives the calls, once it has ended.
func traced(t *testing.T, cmd *exec.Cmd, fault crash.Fault) (points func() []crash.Point) {
	t.Helper()
	tracer, err := exec.LookPath("crash")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "points")
	crash.Through(cmd, tracer, filepath.Clean(os.TempDir()), log, fault) //nolint:usetesting // in which all others are
	return func() []crash.Point {
		points, err := crash.Points(log)
		if err != nil {
			t.Fatal(err)
		}
		return points
	}
}

// TestCrash kills each command that writes in the place of each system call by which it
// changes a file, and lets each such call fail. Right after that nothing is damaged; one
// clean run later all is as it should be, and nothing is anywhere twice.
func TestCrash(t *testing.T) {
	skipLong(t)
	needTracer(t)
	t.Parallel()
	for _, story := range crashStories() {
		t.Run(story.name, func(t *testing.T) {
			t.Parallel()
			m := crashMatrix{t: t, story: story}
			m.run()
		})
	}
}

// needTracer skips a test where no program can be traced.
func needTracer(t *testing.T) {
	t.Helper()
	if !crash.Supported {
		t.Skip("it needs Linux on amd64")
	}
	cmd := newUser(t, "", "").command("version")
	traced(t, cmd, crash.Fault{})
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("no process may be traced here: %v\n%s", err, out)
	}
}

// crashStory is a command in a world of its own.
type crashStory struct {
	name string
	args []string
	// begin makes the world: the user is in where.
	begin func(c *crashCell)
	// whole looks at it right after the fault, done after one more run of the command.
	whole, done func(c *crashCell)
}

// crashCell is one run of a story.
type crashCell struct {
	*user
	s     *watchedServer
	stdin string
	want  any // what begin tells done
}

type crashMatrix struct {
	t             *testing.T
	story         crashStory
	kills, errors int
	unwell        int // cells that went wrong
}

func (m *crashMatrix) run() {
	points := m.cell(crash.Fault{})
	if len(points) == 0 {
		m.t.Fatal("it touches no file")
	}
	for _, fault := range chosenFaults(points) {
		m.cell(fault)
	}
	m.tell(points)
}

// chosenFaults are all faults, or a few of them, spread over the run.
func chosenFaults(points []crash.Point) []crash.Fault {
	faults := faultsAt(points)
	if os.Getenv(wholeMatrix) != "" || len(faults) < fewPoints {
		return faults
	}
	var some []crash.Fault
	for i := range fewPoints {
		some = append(some, faults[(2*i+1)*len(faults)/(2*fewPoints)])
	}
	return some
}

// met counts what became of a fault.
func (m *crashMatrix) met(fault crash.Fault, points []crash.Point) {
	switch {
	case fault.At == 0, len(points) < fault.At:
	case fault.Errno == 0:
		m.kills++
	default:
		m.errors++
	}
}

// tell gives the row of the table.
func (m *crashMatrix) tell(points []crash.Point) {
	calls := map[string]int{}
	for _, p := range points {
		calls[p.Call]++
	}
	var parts []string
	for _, call := range slices.Sorted(maps.Keys(calls)) {
		parts = append(parts, fmt.Sprintf("%d %s", calls[call], call))
	}
	m.t.Logf("| `%s` | %d (%s) | %d | %d | %d |", m.story.name, len(points), strings.Join(parts, ", "), m.kills, m.errors, m.unwell)
}

// faultsAt are all faults at all points. To be killed where a file is only read is as to
// be killed at the next point.
func faultsAt(points []crash.Point) (faults []crash.Fault) {
	for i, p := range points {
		if p.Call != "read" {
			faults = append(faults, crash.Fault{At: i + 1})
		}
		for _, errno := range crashErrnos[p.Call] {
			faults = append(faults, crash.Fault{At: i + 1, Errno: errno})
		}
	}
	return faults
}

// cell runs the story once, with a fault.
func (m *crashMatrix) cell(fault crash.Fault) (points []crash.Point) {
	ok := m.t.Run(fmt.Sprintf("%d_%s", fault.At, fault), func(t *testing.T) {
		s := newWatchedServer(t)
		c := &crashCell{user: newUser(t, s.url, s.token), s: s}
		m.story.begin(c)
		before := s.accepted()
		cmd := c.command(m.story.args...)
		code := 0
		points, code = c.hurt(cmd, fault)
		m.met(fault, points)
		s.settle()
		m.story.whole(c)
		if code == 0 { // it says that all is done
			m.story.done(c)
		}
		c.minuteLater()
		c.again(m.story.args)
		m.story.done(c)
		for id, n := range s.accepted() {
			if id != "" && n > max(1, before[id]) { // others are mutations
				t.Errorf("chunk %s was accepted %d times", id, n)
			}
		}
	})
	if !ok {
		m.unwell++
	}
	return points
}

// hurt runs a command with a fault. Its end must be one of those that are documented, in
// words, and no panic.
func (c *crashCell) hurt(cmd *exec.Cmd, fault crash.Fault) (points []crash.Point, code int) {
	c.t.Helper()
	logged := traced(c.t, cmd, fault)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Stdin = &out, &out, strings.NewReader(c.stdin)
	_ = cmd.Run() // its code is looked at
	points, code = logged(), cmd.ProcessState.ExitCode()
	switch killed := fault.At > 0 && fault.Errno == 0 && len(points) >= fault.At; {
	case killed && code != 128+int(syscall.SIGKILL):
		c.t.Errorf("killed, it ended with %d\n%s", code, out.String())
	case !killed && !slices.Contains([]int{0, 1, 2, 3, 5, 6, 7, 8}, code), strings.Contains(out.String(), "goroutine "), strings.Contains(out.String(), "internal error"):
		c.t.Errorf("it ended with %d\n%s", code, out.String())
	case fault.At == 0 && code != 0:
		c.t.Fatalf("without a fault it ended with %d\n%s", code, out.String())
	}
	return points, code
}

// again runs the command once more, without a fault.
func (c *crashCell) again(args []string) {
	c.t.Helper()
	cmd := c.command(args...)
	cmd.Stdin = strings.NewReader(c.stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("the next run: %v\n%s", err, out)
	}
}

// file is a path in the user's work.
func (c *crashCell) file(name string) string { return filepath.Join(c.where, name) }

func (c *crashCell) read(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(c.file(name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func (c *crashCell) write(name, text string) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(c.file(name)), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(c.file(name), []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// chunksWhole checks that no chunk is damaged, and no entry without its file.
func (c *crashCell) chunksWhole() map[string]string { return contentsOf(c.t, c.file(".engram")) }

// chunksAre checks that there are these chunks, each listed, and nothing else.
func (c *crashCell) chunksAre(want any) {
	c.t.Helper()
	contents := c.chunksWhole()
	if !maps.Equal(contents, want.(map[string]string)) || len(listed(c.t, c.file(".engram"))) != len(contents) {
		c.t.Errorf("%d chunks, %d listed, want %d", len(contents), len(listed(c.t, c.file(".engram"))), len(want.(map[string]string)))
	}
	if left := leftovers(c.t, c.file(".engram")); len(left) > 0 {
		c.t.Errorf("left behind: %v", left)
	}
}
