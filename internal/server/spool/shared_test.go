package spool

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// Who asks for what others of the account are still taking gets it from the same place, as long as it is good.
func TestAnAnswerIsMadeOnce(t *testing.T) {
	p, files := somewhere(t)
	s := NewShared[int](p)
	made := 0
	text := strings.Repeat("memory ", Buffer/4)
	get := func(owner, name string, version int) *Answer[int] {
		t.Helper()
		a, err := s.Get(t.Context(), owner, name, func(v int) (bool, error) { return v == version, nil }, func(to *Spool) (int, error) {
			made++
			_, err := io.WriteString(to, text)
			return version, err
		})
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(a.Reader()); err != nil || string(body) != text || a.About != version {
			t.Errorf("%d bytes of version %d: %v", len(body), a.About, err)
		}
		return a
	}
	taken := []*Answer[int]{get("u", "list", 1), get("u", "list", 1), get("u", "list", 1)}
	if made != 1 || files() != 1 {
		t.Errorf("%d were made, of which %d are there", made, files())
	}
	taken = append(taken, get("v", "list", 1), get("u", "page", 1), get("u", "list", 2), get("u", "list", 2))
	if made != 4 || files() != 4 {
		t.Errorf("with others, %d were made, of which %d are there", made, files())
	}
	for _, a := range taken {
		s.Release(t.Context(), a)
	}
	if len(s.answers) != 0 || files() != 0 {
		t.Error("something stays")
	}
	s.Release(t.Context(), get("u", "list", 2))
	if made != 5 {
		t.Error("it was not made anew")
	}
}

// What cannot be made leaves nothing.
func TestAnAnswerThatCannotBeMade(t *testing.T) {
	p, files := somewhere(t)
	s, bad := NewShared[int](p), errors.New("bad")
	func() {
		defer func() { _ = recover() }() // which is the point
		_, _ = s.Get(t.Context(), "u", "list", nil, func(to *Spool) (int, error) {
			if _, err := to.Write(make([]byte, 2*Buffer)); err != nil {
				t.Error(err)
			}
			panic(bad)
		})
	}()
	if _, err := s.Get(t.Context(), "u", "list", nil, func(*Spool) (int, error) { return 0, bad }); !errors.Is(err, bad) {
		t.Error(err)
	}
	if len(s.answers) != 0 || files() != 0 {
		t.Error("something stays")
	}
}
