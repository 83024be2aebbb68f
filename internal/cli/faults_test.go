package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adrg/xdg"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/testkit/faults"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

var allFaults = flag.Bool("faults", false, "run every cell of the matrix of faults, and write its page")

// cell is one experiment: a command, on one kind of server, with a fault at one place.
type cell struct {
	fault  faults.Fault
	on     faultCommand
	kind   string // account or project
	main   bool   // it strikes the main request, else the first
	always bool
	json   bool
}

func (c cell) String() string {
	where, often := "first", "once"
	if c.main {
		where = "main"
	}
	if c.always {
		often = "always"
	}
	return strings.Join([]string{c.fault.Name, c.on.name, c.kind, where, often}, "/")
}

// result is what came of one.
type result struct {
	code   int
	stderr string
	stdout string
	took   time.Duration // of the time that waits are measured in
	struck int
	again  int // the code of the clean run after it
	wrong  []string
}

// bench is where experiments are made: a home, a server, and a network between them.
type bench struct {
	t       *testing.T
	world   *faultWorld
	network *faults.Network
	dir     string
	environ []string
}

// run runs one command line in this process, and takes the time.
func (b *bench) run(args ...string) (code int, stdout, stderr string, took time.Duration) {
	var out, errs bytes.Buffer
	term := terminal.New(strings.NewReader(""), &out, &errs)
	log.SetOutput(term.Stderr())
	ws := workspace.New(term, b.environ, "dev")
	ws.DialContext = b.network.DialContext
	began := time.Now()
	code = run(context.Background(), term, ws, args)
	return code, out.String(), errs.String(), time.Since(began)
}

// home makes a home directory the process's own, for a test.
func homeFor(t *testing.T, dir string) (environ []string) {
	t.Helper()
	for key, value := range homeAt(dir) {
		t.Setenv(key, value)
		environ = append(environ, key+"="+value)
	}
	xdg.Reload()
	return environ
}

// try makes the experiment: the fault, and one clean run after it.
func (c cell) try(t *testing.T, seed *faultSeeds) (r result) {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, dir: dir, environ: homeFor(t, filepath.Join(dir, "home"))}
	today := time.Now()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(today)) //nolint:forbidigo // a bubble begins in the year 2000, and files do not
		b.t = t
		b.world = seed.open(t, c.kind, c.on, dir)
		b.network = &faults.Network{Handler: b.world}
		b.environ = append(b.environ, "ENGRAM_SYNC_REMOTE=http://"+strings.TrimSuffix(faults.Address, ":80"), "ENGRAM_SYNC_TOKEN="+b.world.token)
		c.on.prepare(b)
		plan := &faults.Plan{Fault: c.fault, Always: c.always}
		if c.main {
			plan.Main = c.on.main
		}
		b.network.Plan(plan)
		args := append([]string{"-q", "--project", "repo"}, c.on.args(b)...)
		if c.json {
			args = append([]string{"--json"}, args[1:]...)
		}
		r.code, r.stdout, r.stderr, r.took = b.run(args...)
		r.struck = b.network.Struck()
		b.network.Plan(nil)
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock
		clean := append([]string{"-q", "--project", "repo"}, c.on.args(b)...)
		var errs string
		r.again, _, errs, _ = b.run(clean...)
		if mistaken := c.fault.Class == faults.Listing || c.fault.Class == faults.Contradicted; mistaken && r.again == problem.Unavailable {
			r.again, _, errs, _ = b.run(clean...) // now it knows what kind of server it is
		}
		if r.again != 0 {
			r.wrong = append(r.wrong, fmt.Sprintf("the clean run: %d %s", r.again, errs))
		}
		r.wrong = append(r.wrong, c.on.check(b)...)
		r.wrong = append(r.wrong, leftOver(t, dir)...)
		if n := b.network.Leaked(); n > 0 {
			r.wrong = append(r.wrong, fmt.Sprintf("%d tokens went to a stranger", n))
		}
		synctest.Wait()
		b.network.Close()
		b.world.close(t)
	})
	return r
}

// leftOver are temporary files anywhere.
func leftOver(t *testing.T, dir string) (wrong []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".tmp") {
			wrong = append(wrong, "left over: "+strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}

// told says what is wrong with what a run said on its way out: a line for what failed, and
// where that are several chunks, one for each and one for all.
func (r result) told(c cell) (wrong []string) {
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	switch {
	case c.json:
		for _, line := range lines {
			if line != "" && !json.Valid([]byte(line)) {
				wrong = append(wrong, "no JSON: "+line)
			}
		}
		return wrong
	case r.code == 0:
		lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
		return lines // with -q there is nothing to say
	case len(lines) > 5 && c.fault.Class != faults.Listing, len(lines) > 1 && !strings.HasSuffix(r.stderr, " failed\n"):
		wrong = append(wrong, "too many lines: "+r.stderr)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "error: ") {
			wrong = append(wrong, "no line of error: "+line)
		}
	}
	if strings.Contains(r.stderr+r.stdout, faultToken) || strings.ContainsAny(r.stderr, "\x1b\a") {
		wrong = append(wrong, "says what it must not: "+r.stderr)
	}
	return wrong
}

// faultSum is what the cells come to.
type faultSum struct {
	cells   int
	longest time.Duration
	where   cell
}

func (s *faultSum) add(c cell, r result) {
	s.cells++
	if r.took > s.longest {
		s.longest, s.where = r.took, c
	}
}

// write puts what a whole run came to into the page.
func (s *faultSum) write(t *testing.T, took time.Duration) {
	t.Helper()
	t.Logf("%d cells in %s, the longest %s: %s", s.cells, took.Round(time.Second), s.longest.Round(time.Second), s.where)
	if !*allFaults || !*update || t.Failed() {
		return
	}
	text := fmt.Sprintf("%d faults at %d places, %d runs in %s: lost 0, doubled 0, left over 0. The longest run took %s.",
		len(faults.All()), len(places()), s.cells, took.Round(time.Minute), s.longest.Round(time.Second))
	section(t, "reliability.md", "figures of faults", text)
}

// places are where and how often a fault strikes, on which command and kind of server.
func places() (all []cell) {
	for _, on := range faultCommands {
		for _, kind := range []string{"account", "project"} {
			for _, main := range []bool{false, true} {
				for _, always := range []bool{false, true} {
					all = append(all, cell{on: on, kind: kind, main: main, always: always})
				}
			}
		}
	}
	return all
}

// TestFaults makes every fault strike. Usually that is at one place for each of them, and
// with -faults at all. Where time is short it is one fault of each class: the race detector
// learns as much from that.
func TestFaults(t *testing.T) {
	_, stop := terminal.WithSignals(t.Context()) // what waits for signals is to begin outside of the bubbles
	defer stop()
	seeds, began := newFaultSeeds(t), time.Now()
	var sum faultSum
	seen := map[faults.Class]bool{}
	for i, fault := range faults.All() {
		if testing.Short() && seen[fault.Class] {
			continue
		}
		seen[fault.Class] = true
		for j, c := range places() {
			if !*allFaults && (i*11)%len(places()) != j {
				continue
			}
			c.fault, c.json = fault, (i+j)%3 == 0
			t.Run(c.String(), func(t *testing.T) {
				r := c.try(t, seeds)
				sum.add(c, r)
				for _, wrong := range append(r.wrong, r.told(c)...) {
					t.Error(wrong)
				}
				if want := expectedOf(c); r.struck > 0 && !want.allows(r.code) {
					t.Errorf("exit code %d, want %s:\n%s%s", r.code, want, r.stdout, r.stderr)
				}
			})
		}
	}
	sum.write(t, time.Since(began))
}

func isRequest(method, prefix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == method && strings.HasPrefix(r.URL.Path, prefix) }
}
