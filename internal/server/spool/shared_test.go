package spool

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

// Requests that want the same at the same time get it from one place, which lasts as long as one of them does.
func TestAnAnswerIsMadeOnce(t *testing.T) {
	p, files := somewhere(t)
	synctest.Test(t, func(t *testing.T) {
		s := NewShared[string](p)
		made, begun, leave := 0, make(chan struct{}), make(chan struct{})
		text := strings.Repeat("memory ", Buffer)
		fill := func(to *Spool) (string, error) {
			if made++; made == 1 {
				close(begun)
			}
			<-leave
			_, err := io.WriteString(to, text)
			return "tag", err
		}
		got := make(chan *Answer[string], 3)
		for range 3 {
			go func() {
				a, err := s.Get(t.Context(), "u", "list", fill)
				if err != nil {
					t.Error(err)
				}
				got <- a
			}()
		}
		<-begun
		synctest.Wait()
		close(leave)
		for range 3 {
			a := <-got
			if body, err := io.ReadAll(a.Reader()); err != nil || string(body) != text || a.About != "tag" {
				t.Errorf("%d bytes, %q: %v", len(body), a.About, err)
			}
			if files() != 1 || made != 1 {
				t.Errorf("it was made %d times, in %d files", made, files())
			}
			defer func() {
				s.Release(t.Context(), a)
			}()
		}
		// What somebody else wants, or another thing, is not it.
		for _, other := range [][2]string{{"v", "list"}, {"u", "page"}} {
			a, err := s.Get(t.Context(), other[0], other[1], fill)
			if err != nil {
				t.Fatal(err)
			}
			s.Release(t.Context(), a)
		}
		if made != 3 || files() != 1 {
			t.Errorf("%d were made, of which %d are there", made, files())
		}
	})
	if files() != 0 {
		t.Error("it stays")
	}
}

// Who leaves while others wait leaves it to the next to begin anew; what goes wrong does so for all, once.
func TestAnAnswerThatIsNotMade(t *testing.T) {
	p, files := somewhere(t)
	synctest.Test(t, func(t *testing.T) {
		s := NewShared[int](p)
		bad := errors.New("bad")
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error), make(chan error)
		go func() {
			_, err := s.Get(ctx, "u", "list", func(*Spool) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			})
			first <- err
		}()
		synctest.Wait()
		go func() {
			_, err := s.Get(t.Context(), "u", "list", func(*Spool) (int, error) { return 0, bad })
			second <- err
		}()
		synctest.Wait()
		cancel()
		if a, b := <-first, <-second; !errors.Is(a, context.Canceled) || !errors.Is(b, bad) {
			t.Errorf("%v, %v", a, b)
		}
		a, err := s.Get(t.Context(), "u", "list", func(*Spool) (int, error) { return 7, nil })
		if err != nil || a.About != 7 {
			t.Fatal(err)
		}
		s.Release(t.Context(), a)
		if len(s.answers) != 0 || files() != 0 {
			t.Error("something stays")
		}
	})
}
