package wiretest

import (
	"errors"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// OneLine fails the test unless the error is fit for a terminal and a log.
func OneLine(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) {
		t.Errorf("control characters in %q", err)
	}
	if len(err.Error()) > 2000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// OneClass fails the test unless the error wraps this class and no other.
func OneClass(t testing.TB, err, want error) {
	t.Helper()
	for _, class := range Classes() {
		if got := errors.Is(err, class); got != errors.Is(class, want) {
			t.Errorf("error %v: is %q: %t", err, class, got)
		}
	}
}

// Classes are what callers tell errors apart by.
func Classes() []error {
	return []error{
		transport.ErrUnauthorized, transport.ErrUnavailable, transport.ErrRefused, transport.ErrOutcomeUnknown,
		transport.ErrNotEngram, transport.ErrNoProject, transport.ErrOtherKind, transport.ErrBadURL, transport.ErrCleartext,
		transport.ErrTLS, transport.ErrProxy, engram.ErrDamaged,
	}
}

// Second is the error of a call that gives something else, too.
func Second[T any](_ T, err error) error { return err }
