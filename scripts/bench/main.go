// Command bench measures engram-sync as a user runs it and writes docs/performance.md: `make bench`.
//
// It is told what to compare with by -base, what to run by -rows, -quick and -full, and how often by
// -runs. It starts itself, with -be, as the programs that engram-sync is compared with.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/peer"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/report"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/rows"
	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr}, os.Getenv("PATH"))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// streams are those of a process.
type streams struct{ out, err io.Writer }

// options are what the command line says.
type options struct {
	base, out, rows, temp string
	runs                  int
	quick, full           bool
}

func run(ctx context.Context, args []string, std streams, path string) error {
	if len(args) >= 2 && args[0] == stage.BeFlag {
		return be(ctx, args[1], args[2:], std)
	}
	var opts options
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(std.err)
	set.StringVar(&opts.base, "base", "", "compare with engram-sync as it was at `COMMIT`")
	set.StringVar(&opts.out, "o", "", "write the page and its pictures below `DIR` (default: docs; bin/performance for a part, or with -quick)")
	set.StringVar(&opts.rows, "rows", "", "run only the rows whose names match `REGEXP`")
	set.StringVar(&opts.temp, "tmp", "", "work below `DIR` (default: where temporary files go)")
	set.IntVar(&opts.runs, "runs", 3, "run each contestant `N` times")
	set.BoolVar(&opts.quick, "quick", false, "only see whether everything runs, with tiny sizes")
	set.BoolVar(&opts.full, "full", false, "with the largest sizes too: an hour and more")
	if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if set.NArg() > 0 || opts.runs < 1 || opts.quick && opts.full {
		return errors.New("usage: bench [flags]; -runs is 1 at least, and -quick is not -full")
	}
	return measure(ctx, opts, std.err, path)
}

// be is what the bench starts itself as.
func be(ctx context.Context, name string, args []string, std streams) error {
	mode, ok := peer.Modes[name]
	if !ok {
		return fmt.Errorf("there is no mode %q", name)
	}
	return mode(ctx, args, std.out, std.err)
}

// measure runs the rows and writes the page.
func measure(ctx context.Context, opts options, stderr io.Writer, path string) (err error) {
	began := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(stderr, "%6.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	st, err := newStage(opts.temp, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(st.Dir)) }()
	chosen, err := choose(rows.All(st, opts.scale()), opts.rows)
	if err != nil {
		return err
	}
	about, err := prepare(ctx, opts, st, say)
	if err != nil {
		return err
	}
	results, err := bench.Run(ctx, chosen, opts.runs, say)
	if err != nil {
		return err
	}
	about.Took = time.Since(began).Round(time.Second).String()
	out := opts.output(st.Top)
	if err := report.Write(out, about, results); err != nil {
		return err
	}
	say("wrote %s", filepath.Join(out, "performance.md"))
	if failed := bench.Failures(results); len(failed) > 0 {
		return fmt.Errorf("%d contestants failed, which have no figures:\n%s", len(failed), strings.Join(failed, "\n"))
	}
	return nil
}

// newStage is one in a new directory, which the caller removes.
func newStage(temp, path string) (*stage.Stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	top, err := findTop()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(temp, "engram-sync-bench-")
	if err != nil {
		return nil, err
	}
	return stage.New(dir, top, self, path), nil
}

func (o options) scale() rows.Scale {
	switch {
	case o.quick:
		return rows.Quick
	case o.full:
		return rows.Full
	}
	return rows.Usual
}

// output is where the page goes: a part of the rows does not replace a whole page.
func (o options) output(top string) string {
	switch {
	case o.out != "":
		return o.out
	case o.quick || o.rows != "":
		return filepath.Join(top, "bin", "performance")
	}
	return filepath.Join(top, "docs")
}

// prepare builds the programs, and knows what the page says of the run.
func prepare(ctx context.Context, opts options, st *stage.Stage, say func(string, ...any)) (about report.Run, err error) {
	about = report.Run{Command: opts.command(), Date: time.Now().Format(time.DateOnly), Runs: opts.runs, Machine: report.Look(st.Dir)}
	if opts.quick {
		about.Note = "This page is of a run with -quick: its sizes are so small that the figures say nothing but that everything runs."
	}
	say("building engram-sync as it is")
	if about.Now, err = st.Present(ctx); err != nil {
		return about, err
	}
	if err := st.BuildNow(ctx); err != nil || opts.base == "" {
		return about, err
	}
	say("building engram-sync as it was at %s", opts.base)
	if about.Before, err = st.Commit(ctx, opts.base); err != nil {
		return about, err
	}
	return about, st.BuildBefore(ctx, opts.base)
}

// command is how make is told to do the same.
func (o options) command() string {
	command := "make bench"
	if o.base != "" {
		command += " BASE=" + o.base
	}
	var flags []string
	for _, f := range []struct {
		given bool
		text  string
	}{{o.quick, "-quick"}, {o.full, "-full"}, {o.runs != 3, fmt.Sprintf("-runs %d", o.runs)}, {o.rows != "", "-rows " + o.rows}} {
		if f.given {
			flags = append(flags, f.text)
		}
	}
	if len(flags) > 0 {
		command += " BENCHFLAGS='" + strings.ReplaceAll(strings.Join(flags, " "), "$", "$$") + "'"
	}
	return command
}

// choose gives the rows whose names match.
func choose(all []bench.Row, pattern string) ([]bench.Row, error) {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-rows: %w", err)
	}
	var chosen []bench.Row
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
		if wanted.MatchString(r.Name) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-rows: no row matches %q; there are %s", pattern, strings.Join(names, ", "))
	}
	return chosen, nil
}

// findTop looks upwards from the working directory for the module.
func findTop() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("start it inside of the module")
		}
	}
}
