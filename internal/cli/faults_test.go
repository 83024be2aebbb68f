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
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adrg/xdg"

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
		time.Sleep(time.Until(today)) // a bubble begins in the year 2000, and files do not
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
		time.Sleep(time.Minute)
		var errs string
		if r.again, _, errs, _ = b.run(append([]string{"-q", "--project", "repo"}, c.on.args(b)...)...); r.again != 0 {
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

// told says what is wrong with what a run said on its way out.
func (r result) told(asJSON bool) (wrong []string) {
	if r.code == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	if asJSON {
		for _, line := range lines {
			if !json.Valid([]byte(line)) {
				wrong = append(wrong, "no JSON: "+line)
			}
		}
		return wrong
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "engram-sync: ") && !strings.HasPrefix(line, "error: ") {
			wrong = append(wrong, "no line of error: "+line)
		}
	}
	return wrong
}

func TestFaultsExplore(t *testing.T) {
	_, stop := terminal.WithSignals(t.Context()) // what waits for signals is to begin outside of the bubbles
	defer stop()
	seed := newFaultSeeds(t)
	f, err := os.Create(os.Getenv("FAULTS_OUT"))
	if err != nil {
		t.Skip("exploration")
	}
	defer f.Close()
	begun := false
	for _, fault := range faults.All {
		if begun = begun || os.Getenv("FAULTS_FROM") == "" || os.Getenv("FAULTS_FROM") == fault.Name; !begun {
			continue
		}
		if only := os.Getenv("FAULTS_ONLY"); only != "" && fault.Name != only {
			continue
		}
		for _, on := range faultCommands {
			for _, kind := range []string{"account", "project"} {
				for i := range 4 {
					c := cell{fault: fault, on: on, kind: kind, main: i&1 == 1, always: i&2 == 2}
					t.Run(c.String(), func(t *testing.T) {
						real := time.Now()
						r := c.try(t, seed)
						fmt.Fprintf(f, "%s\t%d\t%d\t%s\t%d\t%s\t%q\t%q\t%s\n", c, r.code, r.struck, r.took.Round(time.Millisecond*100), r.again, strings.Join(append(r.wrong, r.told(c.json)...), "; "), r.stderr, r.stdout, time.Since(real).Round(time.Millisecond))
					})
				}
			}
		}
	}
}

func isRequest(method, prefix string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == method && strings.HasPrefix(r.URL.Path, prefix) }
}
