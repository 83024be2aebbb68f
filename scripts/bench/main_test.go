//go:build unix

package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

// TestMain is also the bench in its other modes, as which it starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != stage.BeFlag {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr}, ""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestBench runs two rows from end to end, with tiny sizes: programs are built, contestants take turns, and a page
// comes out whose tables are whole. What the figures are is nothing that a test could judge.
func TestBench(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds programs")
	}
	dir := t.TempDir()
	var said strings.Builder
	args := []string{"-quick", "-runs", "2", "-rows", "^(pull-count|merge-driver)$", "-o", dir, "-tmp", t.TempDir()}
	if err := run(t.Context(), args, streams{&said, &said}, os.Getenv("PATH")); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	page := read(t, filepath.Join(dir, "performance.md"))
	tables := tablesOf(page)
	if len(tables) != 4 { // the machine, the summary, and one for each row
		t.Fatalf("the page has %d tables:\n%s", len(tables), page)
	}
	for _, table := range tables {
		for _, line := range table {
			if len(line) != len(table[0]) {
				t.Errorf("a line of %d cells below %d heads: %q", len(line), len(table[0]), line)
			}
		}
	}
	for _, line := range tables[2][2:] { // below the heads
		if line[2] == "" || line[3] == "" || line[4] == "" || strings.Contains(strings.Join(line, ""), "failed") {
			t.Errorf("a contestant has no figure: %q", line)
		}
	}
	picture := read(t, filepath.Join(dir, "pictures", "performance-pull-count.svg"))
	var drawn struct {
		Desc  string     `xml:"desc"`
		Lines []struct{} `xml:"polyline"`
	}
	if err := xml.Unmarshal([]byte(picture), &drawn); err != nil || len(drawn.Lines) != 2 || !strings.Contains(drawn.Desc, "stand-in: 5:") {
		t.Errorf("the picture does not show two contestants: %v\n%s", err, picture)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left beside the page: %v %v", left, err)
	}
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{{"-rows", "no such row"}, {"-rows", "("}, {"-runs", "0"}, {"-quick", "-full"}, {"more"}, {stage.BeFlag, "nothing"}} {
		var said strings.Builder
		if err := run(t.Context(), args, streams{&said, &said}, ""); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tablesOf are the tables of a page, each as lines of cells.
func tablesOf(page string) [][][]string {
	var tables [][][]string
	inTable := false
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "|") {
			inTable = false
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		if !inTable {
			tables = append(tables, nil)
			inTable = true
		}
		tables[len(tables)-1] = append(tables[len(tables)-1], cells)
	}
	return tables
}
