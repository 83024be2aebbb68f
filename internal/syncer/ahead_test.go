package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/words"
	"github.com/engram-sync/engram-sync/internal/work"
)

// early is a projector that knows what the first chunks become before it has read the others.
type early struct {
	*projector

	here  *side
	knows int // how many, in the order of time
	after func()

	mu      sync.Mutex
	given   []engram.ChunkID
	forgot  []engram.ChunkID
	project func() error // what becomes of the rest
}

func (e *early) Early(ctx context.Context, ids []engram.ChunkID, give func(engram.ChunkID, recognition.Projection) bool) {
	for _, id := range ids[:min(e.knows, len(ids))] {
		e.mu.Lock()
		e.given = append(e.given, id)
		e.mu.Unlock()
		all, _ := e.projector.Project(ctx, nil, []engram.ChunkID{id})
		if !give(id, all[id]) {
			break
		}
	}
	if e.after != nil {
		e.after()
	}
}

func (e *early) Project(ctx context.Context, all, ids []engram.ChunkID) (map[engram.ChunkID]recognition.Projection, error) {
	if e.project != nil {
		if err := e.project(); err != nil {
			return nil, err
		}
	}
	return e.projector.Project(ctx, all, ids)
}

func (e *early) Forget(local engram.ChunkID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forgot = append(e.forgot, local)
}

func (e *early) Mentions(id engram.ChunkID) ([]words.Mention, bool) {
	mentions, err := words.Mentions(strings.NewReader(e.here.content[id]))
	return mentions, err == nil
}

// days are chunks of one memory each, and what they become: a part each.
func days(n int) (*side, *early) {
	here := newSide()
	p := &projector{parts: map[engram.ChunkID][]string{}, needs: map[string][]string{}, gives: map[string][]string{}}
	for day := range n {
		id := here.add(fmt.Sprintf(`{"observations":[{"sync_id":"o%d","session_id":"s%d","title":"T","content":"C"}]}`, day, day))
		here.entries[day].CreatedAt = fmt.Sprintf("2026-11-%02dT09:15:00Z", day+1)
		p.parts[id] = []string{numbered(100 + day)}
	}
	return here, &early{projector: p, here: here, knows: n}
}

// edit makes the chunk of a day one that edits the memory of another.
func (e *early) edit(day, of int) {
	edited := e.here.add(strings.Replace(e.here.content[e.here.entries[of].ID], `"C"`, `"D"`, 1))
	e.here.entries = e.here.entries[:len(e.here.entries)-1]
	e.here.entries[day].ID = edited
	e.parts[edited] = []string{numbered(100 + day)}
}

func (e *early) run(t *testing.T, there *side, run syncer.Options) (syncer.Result, error) {
	t.Helper()
	run.Push = true
	run.Concurrency = max(run.Concurrency, 1)
	diff, err := syncer.Compare(t.Context(), local{e.here}, remote{there}, syncer.CompareOptions{
		Projector: func(context.Context) (recognition.Projector, error) { return e, nil }, Early: &run,
	})
	if err != nil {
		return syncer.Result{}, err
	}
	return syncer.Run(t.Context(), diff, run), nil
}

// How a run ends does not depend on how much of it went ahead.
func TestWhatGoesAheadEndsAsTheRest(t *testing.T) {
	for knows := range 6 {
		for story, change := range map[string]func(*early, *side, *syncer.Options){
			"all is well":           func(*early, *side, *syncer.Options) {},
			"several at once":       func(_ *early, _ *side, o *syncer.Options) { o.Concurrency = 3 },
			"each is read back":     func(_ *early, _ *side, o *syncer.Options) { o.ReadBack = true },
			"one is refused":        func(e *early, there *side, _ *syncer.Options) { there.fail = failFor(e.part(2), errRefused) },
			"none can fare better":  func(e *early, there *side, _ *syncer.Options) { there.fail = failFor(e.part(2), errFatal) },
			"one is not stored":     func(e *early, there *side, _ *syncer.Options) { there.forget = e.isPart(2) },
			"another order of days": func(e *early, _ *side, _ *syncer.Options) { slices.Reverse(e.here.entries) },
			"a session first": func(e *early, _ *side, _ *syncer.Options) {
				e.needs[numbered(101)], e.gives[numbered(103)] = []string{"s"}, []string{"s"}
			},
			"an edit":                  func(e *early, _ *side, _ *syncer.Options) { e.edit(3, 2) },
			"an edit that has to wait": func(e *early, there *side, _ *syncer.Options) { e.edit(3, 2); there.fail = failFor(e.part(2), errBusy) },
		} {
			t.Run(fmt.Sprintf("%s, %d ahead", story, knows), func(t *testing.T) {
				t.Parallel()
				tell := func(knows int) (string, *early, *side) {
					here, e := days(5)
					e.here, e.knows = here, knows
					there, run := newSide(), syncer.Options{
						Fatal: func(err error) bool { return errors.Is(err, errFatal) }, Passing: func(err error) bool { return errors.Is(err, errBusy) },
					}
					change(e, there, &run)
					result, err := e.run(t, there, run)
					if err != nil {
						t.Fatal(err)
					}
					text := ""
					for _, m := range result.Moved {
						text += fmt.Sprintln("moved", m.Local, m.Remote, m.Bytes)
					}
					for _, f := range result.Failed {
						text += fmt.Sprintln("failed", f.ID, f.Err)
					}
					return text, e, there
				}
				want, _, before := tell(0)
				got, e, there := tell(knows)
				if got != want {
					t.Errorf("it ends with\n%s\nand not with\n%s", got, want)
				}
				inTurn := !strings.Contains(story, "at once") && !strings.Contains(story, "edit") // which comes last, once it is known
				if inTurn && !slices.Equal(there.tried, before.tried) {
					t.Errorf("tried %v, and not %v", there.tried, before.tried)
				}
				for _, id := range e.given {
					if !slices.Contains(e.forgot, id) {
						t.Errorf("%s is kept for nobody", id)
					}
				}
			})
		}
	}
}

var errRefused, errFatal, errBusy = errors.New("refused"), errors.New("fatal"), errors.New("busy")

// part is what the chunk of a day becomes.
func (e *early) part(day int) engram.ChunkID { return idOf(numbered(100 + day)) }

func (e *early) isPart(day int) func(engram.ChunkID) bool {
	return func(id engram.ChunkID) bool { return id == e.part(day) }
}

func failFor(part engram.ChunkID, err error) func(engram.ChunkID) error {
	return func(id engram.ChunkID) error {
		if id == part {
			return err
		}
		return nil
	}
}

// An edit waits until what it edits is there, and so until all is known.
func TestAnEditDoesNotGoAhead(t *testing.T) {
	_, e := days(5)
	e.edit(3, 2)
	there, run := newSide(), syncer.Options{Push: true, Concurrency: 1}
	diff, err := syncer.Compare(t.Context(), local{e.here}, remote{there}, syncer.CompareOptions{
		Projector: func(context.Context) (recognition.Projector, error) { return e, nil }, Early: &run,
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []engram.ChunkID{e.part(0), e.part(1), e.part(2), e.part(4)}; !slices.Equal(there.tried, want) {
		t.Errorf("%v went ahead, not %v", there.tried, want)
	}
	if result := syncer.Run(t.Context(), diff, run); len(result.Moved) != 5 {
		t.Errorf("moved %v, failed %v", result.Moved, result.Failed)
	}
}

// Where the comparison fails on its way, what has gone is told, and the rest was not tried.
func TestWhatWentAheadIsTold(t *testing.T) {
	_, e := days(4)
	e.knows = 2
	broken := errors.New("the disk is full")
	e.project = func() error { return broken }
	there := newSide()
	result, err := e.run(t, there, syncer.Options{})
	if err != nil || len(result.Moved) != 2 || len(result.Failed) != 2 {
		t.Fatalf("%v: moved %v, failed %v", err, result.Moved, result.Failed)
	}
	for _, f := range result.Failed {
		if !errors.Is(f.Err, syncer.ErrNotTried) || !errors.Is(f.Err, broken) {
			t.Errorf("%s failed with %v", f.ID, f.Err)
		}
	}
}

// Nothing goes ahead of what could have to stand before it, nor to a server that has something.
func TestNothingGoesAheadOfWhatItMayHaveToFollow(t *testing.T) {
	for story, change := range map[string]func(*early, *side, *syncer.Options){
		"an orphan that is adopted": func(e *early, _ *side, o *syncer.Options) { o.Pull = true; e.here.content[idOf("{}")] = "{}" },
		"what is there":             func(_ *early, there *side, _ *syncer.Options) { there.add(`{"theirs":1}`) },
		"a choice":                  func(e *early, _ *side, o *syncer.Options) { o.Only = []engram.ChunkID{e.here.entries[0].ID} },
	} {
		_, e := days(3)
		there, run := newSide(), syncer.Options{}
		change(e, there, &run)
		if _, err := e.run(t, there, run); err != nil || len(e.given) > 0 {
			t.Errorf("%s: %v; %d chunks were asked for", story, err, len(e.given))
		}
	}
}

// What is told of the progress is true: how many there are is not known at first.
func TestProgressOfWhatGoesAhead(t *testing.T) {
	_, e := days(3)
	var events []string
	var mu sync.Mutex
	report := func(event work.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch event.Kind {
		case work.EventPlan:
			events = append(events, fmt.Sprint("plan ", event.Items))
		case work.EventMore:
			events = append(events, fmt.Sprint("more ", event.Items))
		case work.EventDone:
			events = append(events, "done")
		}
	}
	e.parts[e.here.entries[1].ID] = []string{numbered(201), numbered(202)}
	if _, err := e.run(t, newSide(), syncer.Options{Report: report}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(events)
	if got, want := fmt.Sprint(events), "[done done done done more 1 more 1 more 2 plan 0]"; got != want {
		t.Errorf("it was told %s, not %s", got, want)
	}
}
