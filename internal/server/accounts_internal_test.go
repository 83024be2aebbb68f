package server

import (
	"errors"
	"testing"
)

// A request for an API key is let in, and then the password changes.
func TestAKeyDoesNotOutliveThePasswordItWasAskedForWith(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := s.AddUser(t.Context(), "alice", "a@x", "12345678"); err != nil {
		t.Fatal(err)
	}
	letIn, err := s.store.UserByLogin(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPassword(t.Context(), "alice", "87654321"); err != nil {
		t.Fatal(err)
	}
	if err := s.store.SetKey(t.Context(), letIn, "hash"); !errors.Is(err, ErrNoUser) {
		t.Errorf("got %v", err)
	}
	if _, err := s.store.UserByKey(t.Context(), "hash"); !errors.Is(err, ErrNoUser) {
		t.Errorf("the key is there: %v", err)
	}
}
