package limits

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

// turnTest lets parties take turns in a bubble, and writes down who goes.
type turnTest struct {
	t      *testing.T
	turns  *Turns
	went   []string
	leaves map[string][]func()
}

func newTurnTest(t *testing.T, all, each, mayWait int) *turnTest {
	return &turnTest{t: t, turns: NewTurns(all, each, mayWait), leaves: map[string][]func(){}}
}

// asks lets a party ask for a turn; it has it, or waits, when asks returns.
func (x *turnTest) asks(ctx context.Context, name string) {
	go func() {
		leave, err := x.turns.Take(ctx, name)
		if err != nil {
			x.went = append(x.went, name+" "+err.Error())
			return
		}
		x.went = append(x.went, name)
		x.leaves[name] = append(x.leaves[name], leave)
	}()
	synctest.Wait()
}

// leaves ends the first turn of a party.
func (x *turnTest) ends(name string) {
	leave := x.leaves[name][0]
	x.leaves[name] = x.leaves[name][1:]
	leave()
	synctest.Wait()
}

func (x *turnTest) want(who ...string) {
	x.t.Helper()
	if !slices.Equal(x.went, who) {
		x.t.Errorf("%q went, want %q", x.went, who)
	}
	x.went = nil
}

// One that asks for much delays itself: the others go as soon as anybody leaves.
func TestTurnsAreForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTurnTest(t, 3, 2, 9)
		for range 6 {
			x.asks(t.Context(), "greedy")
		}
		x.want("greedy", "greedy")
		x.asks(t.Context(), "a")
		x.want("a")
		x.asks(t.Context(), "b")
		x.asks(t.Context(), "c")
		x.asks(t.Context(), "b")
		x.want()
		x.ends("greedy") // which has two behind it that came before b
		x.want("greedy")
		x.ends("greedy")
		x.want("b")
		x.ends("a")
		x.want("c")
		x.ends("b")
		x.want("greedy")
		x.ends("c")
		x.want("b")
		for _, name := range []string{"greedy", "greedy", "b", "greedy"} {
			x.ends(name)
		}
		x.want("greedy", "greedy")
		x.ends("greedy")
		if len(x.turns.parties) != 0 || x.turns.going != 0 || x.turns.waiting != 0 || len(x.turns.line) != 0 {
			t.Errorf("left are %v", x.turns)
		}
	})
}

func TestWhoMayWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTurnTest(t, 1, 1, 1)
		x.asks(t.Context(), "a")
		x.asks(t.Context(), "a")
		x.asks(t.Context(), "a")
		x.want("a", "a "+ErrBusy.Error())
		for _, name := range []string{"b", "c", "d", "e", "f", "g", "h", "i"} {
			x.asks(t.Context(), name)
		}
		x.want("i " + ErrBusy.Error())

		ctx, cancel := context.WithCancel(t.Context())
		x.ends("a")
		x.want("a")
		x.asks(ctx, "z")
		cancel()
		synctest.Wait()
		x.want("z " + context.Canceled.Error())
		x.asks(t.Context(), "y") // in its place
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "y"} {
			x.ends(name)
		}
		x.want("b", "c", "d", "e", "f", "g", "h", "y")
		if len(x.turns.parties) != 0 {
			t.Errorf("left are %v", x.turns.parties)
		}
	})
}

func TestBytesAreForAll(t *testing.T) {
	b := NewBytes(10, 6)
	takes := func(name string, n int64, want error) {
		t.Helper()
		if err := b.Take(name, n); !errors.Is(err, want) {
			t.Errorf("%d of %s: %v", n, name, err)
		}
	}
	takes("a", 6, nil)
	takes("a", 1, ErrTooMuch)
	takes("b", 4, nil)
	takes("b", 1, ErrTooMuch)
	b.Give("a", 6)
	takes("b", 2, nil)
	b.Give("b", 6)
	if len(b.parties) != 0 || b.total != 0 {
		t.Errorf("left are %v", b)
	}
}
