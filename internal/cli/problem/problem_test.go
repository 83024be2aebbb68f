package problem

import (
	"errors"
	"fmt"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/work"
)

// TestCode goes through the exit codes (docs/cli/exit-codes.md), with the errors that stand for each.
func TestCodeOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{syscall.ENOSPC, 1},
		{syscall.EROFS, 1},
		{terminal.Usagef("bad flag"), 2},
		{transport.ErrBadURL, 2},
		{transport.ErrNotEngram, 2},
		{transport.ErrTLS, 2},
		{transport.ErrCleartext, 2},
		{&chunkdir.NotFoundError{}, 2},
		{&chunkdir.DataDirError{}, 2},
		{&syncer.SelectError{}, 2},
		{&engram.ReducedError{}, 3},
		{transport.ErrUnauthorized, 4},
		{transport.ErrUnavailable, 5},
		{&transport.RetryLaterError{}, 5},
		{transport.ErrRefused, 6},
		{&transport.TooLargeError{}, 6},
		{syncer.ErrNotStored, 6},
		{engram.ErrBadChunkID, 6},
		{engram.ErrDamaged, 7},
		{engram.ErrNoFile, 7},
		{&chunkdir.SpellingError{}, 7},
		{transport.ErrOutcomeUnknown, 8},
		{syncer.ErrUnconfirmed, 8},
		{fmt.Errorf("%w: %w", syncer.ErrUnconfirmed, transport.ErrUnavailable), 8},
		{&chunkdir.LockedError{}, 11},
		{&server.ServedError{}, 11},
		{&terminal.Interrupted{Signal: syscall.SIGINT}, 130},
		{&terminal.Interrupted{Signal: syscall.SIGTERM}, 143},
		{&terminal.Interrupted{Signal: syscall.SIGHUP}, 129},
		{fmt.Errorf("%w: %w", transport.ErrOutcomeUnknown, &terminal.Interrupted{Signal: syscall.SIGINT}), 130},
		{&terminal.Interrupted{After: time.Hour}, 5},
		{fmt.Errorf("%w: %w", transport.ErrOutcomeUnknown, &terminal.Interrupted{After: time.Hour}), 8},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("%v: code %d, want %d", c.err, got, c.want)
		}
		if c.err == nil {
			continue
		}
		if got := Code(fmt.Errorf("somewhere: %w", c.err)); got != c.want {
			t.Errorf("%v, wrapped: code %d, want %d", c.err, got, c.want)
		}
	}
}

// TestClassOf: an error is of the first class that recognises it, among those of its code.
func TestClassOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err             error
		tokenFrom, want string
	}{
		{errors.New("anything"), "", Unexpected},
		{transport.ErrUnauthorized, "stdin", "token-stdin"},
		{transport.ErrUnauthorized, "", "unauthorized"},
		{&chunkdir.NotFoundError{}, "", "no-directory"},
		{fmt.Errorf("%w: %w", syncer.ErrUnconfirmed, transport.ErrUnavailable), "", "outcome-unknown"},
		{fmt.Errorf("%w: %w", transport.ErrOutcomeUnknown, &terminal.Interrupted{Signal: syscall.SIGINT}), "", "interrupted"},
	} {
		if got := Failure(c.err, c.tokenFrom).Class; got != c.want {
			t.Errorf("%v: class %q, want %q", c.err, got, c.want)
		}
	}
}

// TestCodeOfAll is about several items with ends of their own.
func TestCodeOfAll(t *testing.T) {
	t.Parallel()
	refused, damaged, unknown := error(transport.ErrRefused), error(engram.ErrDamaged), error(transport.ErrOutcomeUnknown)
	interrupted, outOfTime := error(&terminal.Interrupted{Signal: syscall.SIGINT}), error(&terminal.Interrupted{After: time.Hour})
	for _, c := range []struct {
		name   string
		moved  int
		failed []error
		want   int
	}{
		{"all moved", 3, nil, 0},
		{"nothing at all", 0, nil, 0},
		{"one refused, others moved", 2, []error{refused}, 3},
		{"all refused", 0, []error{refused, refused}, 6},
		{"different ends, none moved", 0, []error{refused, transport.ErrUnavailable}, 3},
		{"damage beats partial", 2, []error{refused, damaged}, 7},
		{"unknown beats damage", 2, []error{damaged, unknown}, 8},
		{"interruption beats all", 2, []error{damaged, unknown, interrupted}, 130},
		{"the time is over after some", 2, []error{outOfTime, outOfTime}, 5},
		{"the time is over beside a refusal", 2, []error{refused, outOfTime}, 5},
		{"the time hides no damage", 2, []error{damaged, outOfTime}, 7},
		{"nor what nobody knows", 2, []error{fmt.Errorf("%w: %w", unknown, outOfTime), outOfTime}, 8},
		{"reduced alone", 0, []error{&engram.ReducedError{}}, 3},
	} {
		var failed []work.Failure
		for _, err := range c.failed {
			failed = append(failed, work.Failure{Err: err})
		}
		if got := CodeOfAll(c.moved, failed); got != c.want {
			t.Errorf("%s: code %d, want %d", c.name, got, c.want)
		}
	}
}

// TestClasses: each class has an id of its own, a code that exists, and says in
// two sentences what it means.
func TestClasses(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range Classes {
		if seen[c.ID] || !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(c.ID) {
			t.Errorf("%q is no id, or stands twice", c.ID)
		}
		seen[c.ID] = true
		if c.Code != asItsCause && (Kind(c.Code) == "failed") != (c.Code == Failed) {
			t.Errorf("%s: there is no code %d", c.ID, c.Code)
		}
		if !regexp.MustCompile(`^[^\n]+[a-z)]\. [^\n]+\.$`).MatchString(c.Meaning) {
			t.Errorf("%s: not two sentences: %q", c.ID, c.Meaning)
		}
	}
}
