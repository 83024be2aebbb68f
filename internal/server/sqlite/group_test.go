package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// together runs changes as one group, the first of which leads, and gives what became
// of each. Those that it does not take come behind it.
func together(t *testing.T, s *Store, changes ...change) []error {
	t.Helper()
	s.join = make(chan *waiting, len(changes)) // which shows how many wait
	errs := make([]error, len(changes))
	s.lead <- struct{}{}
	var others sync.WaitGroup
	for i, c := range changes[1:] {
		others.Go(func() { errs[i+1] = s.update(t.Context(), 0, c) })
		for len(s.join) <= i {
			runtime.Gosched()
		}
	}
	lead := func(w *waiting) {
		defer func() {
			if p := recover(); p != nil {
				t.Log(p)
			}
		}()
		s.leadGroup(t.Context(), w)
	}
	first := &waiting{change: changes[0], done: make(chan error, 1)}
	lead(first)
	errs[0] = <-first.done
	for len(s.join) > 0 {
		s.lead <- struct{}{}
		lead(<-s.join)
	}
	others.Wait()
	s.join = make(chan *waiting)
	return errs
}

func add(name string, s *Store) change {
	return func(ctx context.Context, tx *transaction) error {
		_, err := s.insertUser(ctx, tx, store.User{Name: name})
		return err
	}
}

func openTest(t testing.TB) *Store {
	t.Helper()
	s, ok := file{t, filepath.Join(t.TempDir(), "server.db")}.Open(time.Now).(*Store)
	if !ok {
		t.Fatal("another store")
	}
	return s
}

// names are those of all users.
func names(t *testing.T, s *Store) string {
	t.Helper()
	list, err := s.ListUsers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range list {
		names = append(names, u.Username)
	}
	return strings.Join(names, " ")
}

func TestChangesThatComeTogetherShareACommit(t *testing.T) {
	s := openTest(t)
	seen := map[*transaction]bool{}
	watched := func(c change) change {
		return func(ctx context.Context, tx *transaction) error {
			seen[tx] = true
			return c(ctx, tx)
		}
	}
	errs := together(t, s, watched(add("a", s)), watched(add("b", s)), watched(add("c", s)))
	if err := errors.Join(errs...); err != nil || len(seen) != 1 || names(t, s) != "a b c" {
		t.Errorf("%v; %d transactions; users %q", err, len(seen), names(t, s))
	}
}

func TestAChangeThatFailsFailsForNobodyElse(t *testing.T) {
	s := openTest(t)
	bad := errors.New("bad")
	errs := together(t, s, add("a", s), func(ctx context.Context, tx *transaction) error {
		return errors.Join(add("half", s)(ctx, tx), bad)
	}, add("c", s))
	if errs[0] != nil || !errors.Is(errs[1], bad) || errs[2] != nil || names(t, s) != "a c" {
		t.Errorf("%v; users %q", errs, names(t, s))
	}
}

func TestACommitThatFailsFailsForAll(t *testing.T) {
	s := openTest(t)
	errs := together(t, s, add("a", s), func(ctx context.Context, tx *transaction) error {
		// What is wrong with it shows only in the commit.
		_, pragma := tx.ExecContext(ctx, "PRAGMA defer_foreign_keys = 1")
		_, err := tx.ExecContext(ctx, "INSERT INTO api_keys (user_id, key_sha256, created_at) VALUES ('nobody', '', '')")
		return errors.Join(pragma, err)
	}, add("c", s))
	for i, err := range errs {
		if err == nil {
			t.Errorf("change %d was acknowledged", i)
		}
	}
	if got := names(t, s); got != "" {
		t.Errorf("users %q", got)
	}
	if err := s.update(t.Context(), 0, add("later", s)); err != nil {
		t.Error(err)
	}
}

func TestATransactionThatIsTakenBackFailsForAll(t *testing.T) {
	s := openTest(t)
	errs := together(t, s, add("a", s), func(ctx context.Context, tx *transaction) error {
		// As SQLite does by itself when its disk is full.
		_, err := tx.ExecContext(ctx, "ROLLBACK")
		return errors.Join(err, store.ErrFull)
	}, add("c", s))
	if !errors.Is(errs[0], store.ErrFull) || !errors.Is(errs[1], store.ErrFull) || errs[2] != nil || names(t, s) != "c" {
		t.Errorf("%v; users %q", errs, names(t, s))
	}
}

func TestAPanicFailsForAllAndHoldsNobodyUp(t *testing.T) {
	s := openTest(t)
	errs := together(t, s, add("a", s), func(context.Context, *transaction) error { panic("oh") }, add("c", s))
	if errs[0] == nil || errs[1] == nil || errs[2] != nil || names(t, s) != "c" {
		t.Errorf("%v; users %q", errs, names(t, s))
	}
	if err := s.update(t.Context(), 0, add("later", s)); err != nil {
		t.Error(err)
	}
}
