package failures_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/cli/chunks/failures"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// What a signal cut short is told by number: what was not sent is no failure, and of what
// was under way nobody knows.
func TestWhatASignalCutShortIsToldByNumber(t *testing.T) {
	signal := &terminal.Interrupted{Signal: os.Interrupt}
	failed := []work.Failure{
		{ID: "00000001", Direction: work.Pushed, Err: fmt.Errorf("push chunk 00000001: %w: %w", engram.ErrOutcomeUnknown, signal)},
		{ID: "00000002", Direction: work.Pushed, Err: fmt.Errorf("push chunk 00000002: %w: %w", engram.ErrOutcomeUnknown, signal)},
		{ID: "00000003", Direction: work.Pushed, Err: fmt.Errorf("%w: %w", syncer.ErrNotTried, signal)},
	}
	var out, errs bytes.Buffer
	term := terminal.New(strings.NewReader(""), &out, &errs)
	failures.Print(term, &workspace.Workspace{}, 4, failed)
	term.Flush()
	want := "error: interrupted: 4 chunks done, 1 left; the same command goes on from there\n" +
		"error: push: 2 chunks were under way, and the server may have them: outcome unknown; run the same command again: it looks first, and sends only what is missing\n"
	if errs.String() != want {
		t.Errorf("stderr:\n%swant:\n%s", errs.String(), want)
	}
	term.JSON = true
	if got, want := failures.ExitStatus(term, 4, 7, failed, false).Error(), "1 chunk left and 2 chunks failed, of 7"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	term.JSON = false
	if got := failures.ExitStatus(term, 4, 7, failed, false).Error(); got != "" {
		t.Errorf("said twice: %q", got)
	}
}

// What a full disk did to many is one line.
func TestAFullDiskIsToldOnce(t *testing.T) {
	var failed []work.Failure
	for i := range 15 {
		id := fmt.Sprintf("%08x", i)
		failed = append(failed, work.Failure{ID: id, Direction: work.Pulled, Err: fmt.Errorf("write chunks/.engram-sync-%s.tmp: %w", id, syscall.ENOSPC)})
	}
	var out, errs bytes.Buffer
	term := terminal.New(strings.NewReader(""), &out, &errs)
	failures.Print(term, &workspace.Workspace{}, 4, failed)
	term.Flush()
	want := "error: 15 chunks found no space on the disk (write chunks/.engram-sync-00000000.tmp: " + syscall.ENOSPC.Error() +
		"); free some space, then run the same command again\n"
	if errs.String() != want {
		t.Errorf("stderr:\n%swant:\n%s", errs.String(), want)
	}
}
