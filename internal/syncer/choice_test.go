package syncer_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/ownership"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// chunkProjects are a map.
type chunkProjects struct {
	mu       sync.Mutex
	chunks   map[engram.ChunkID]ownership.Projects
	sessions map[string]string
}

func (c *chunkProjects) Projects(id engram.ChunkID) (ownership.Projects, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.chunks[id]
	return p, ok
}

func (c *chunkProjects) SessionProject(id string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions[id]
}

func (c *chunkProjects) Add(id engram.ChunkID, p ownership.Projects) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chunks[id] = p
	maps.Copy(c.sessions, p.Sessions)
}

// What was asked for comes, whichever chunk is looked at first; a later run without a filter brings exactly the rest; and
// a chunk that stays is loaded once.
func TestAskedFor(t *testing.T) {
	dice := rand.New(rand.NewPCG(17, 11))
	filters := []string{"--include project=a", "--exclude project=a", "--include type=decision", "--exclude type=decision", "--include project=b --exclude type=bugfix",
		"--include since=2026-11-05", "--exclude until=2026-11-05", "--include type=bugfix --include since=2026-11-05"}
	for round := range 60 {
		there, known := newSide(), &chunkProjects{chunks: map[engram.ChunkID]ownership.Projects{}, sessions: map[string]string{}}
		projects, types := map[engram.ChunkID]string{}, map[engram.ChunkID]string{}
		var owners []string
		of := map[string]string{}
		for n := range 8 {
			project, kind, session := string("ab"[dice.IntN(2)]), []string{"decision", "bugfix"}[dice.IntN(2)], ""
			owner := fmt.Sprint("s", n)
			if len(owners) > 0 && dice.IntN(2) == 0 { // it lies in another chunk, which may come later
				owner = owners[dice.IntN(len(owners))]
				project = of[owner]
			} else {
				owners, of[owner] = append(owners, owner), project
				session = fmt.Sprintf(`{"id":%q,"project":%q}`, owner, project)
			}
			id := there.add(fmt.Sprintf(`{"sessions":[%s],"observations":[{"session_id":%q,"type":%q,"n":%d}],"prompts":[]}`, session, owner, kind, n))
			projects[id], types[id] = project, kind
			there.entries[n].CreatedAt = fmt.Sprintf("2026-11-%02dT10:00:00Z", 1+dice.IntN(9))
		}
		dice.Shuffle(len(there.entries), func(i, j int) { there.entries[i], there.entries[j] = there.entries[j], there.entries[i] })
		text := filters[round%len(filters)]
		wants := filter(t, text)
		here := newSide()
		run := func(wants selection.Filter) syncer.Result {
			diff, err := syncer.Compare(t.Context(), local{here}, remote{there}, syncer.CompareOptions{
				Choice: func() *syncer.Choice { return &syncer.Choice{Wants: wants, Known: known} }})
			if err != nil {
				t.Fatal(err)
			}
			return syncer.Run(t.Context(), diff, syncer.Options{Pull: true, Concurrency: 1 + dice.IntN(3)})
		}
		var want []string
		for _, e := range there.entries {
			if wants.Wants(selection.Row(projects[e.ID], types[e.ID], e.CreatedAt)) {
				want = append(want, e.ID.String())
			}
		}
		slices.Sort(want)
		first := run(wants)
		if got := movedIDs(first); !slices.Equal(slices.Sorted(slices.Values(got)), want) || len(first.Failed) > 0 || len(first.Unasked)+len(got) != 8 {
			t.Fatalf("round %d, %s: %v came, not %v; %d stay, %v failed", round, text, got, want, len(first.Unasked), first.Failed)
		}
		tried := len(there.tried)
		if again := run(wants); len(again.Moved)+len(again.Failed) > 0 || len(again.Unasked) != len(first.Unasked) || len(there.tried) > tried {
			t.Fatalf("round %d, %s: the same once more: %+v, %d loaded", round, text, again, len(there.tried)-tried)
		}
		rest := run(selection.Filter{})
		if len(rest.Moved) != len(first.Unasked) || len(rest.Failed)+len(rest.Unasked) > 0 || !maps.Equal(here.content, there.content) {
			t.Fatalf("round %d, %s: the rest: %+v", round, text, rest)
		}
	}
}

// A chunk of many projects, as engram's `sync --all` makes them, has each of them; and one whose rows cannot be read does not
// tell what it holds, so that nobody can leave it out for that.
func TestAskedForOfManyAndOfUnknown(t *testing.T) {
	var rows []string
	for n := range 40 {
		rows = append(rows, fmt.Sprintf(`{"session_id":"s","type":"note","project":"p%02d"}`, n))
	}
	for content, filters := range map[string]map[string]bool{
		`{"sessions":[],"observations":[` + strings.Join(rows, ",") + `],"prompts":[]}`: {
			"--include project=p39": true, "--exclude project=p39": false, "--include project=p40": false, "--exclude project=p40": true},
		`{"sessions":[{"id":5}],"observations":[],"prompts":[]}`: {
			"--include project=p": true, "--include type=decision": true, "--exclude project=p": true},
	} {
		for text, want := range filters {
			there, here := newSide(), newSide()
			there.add(content)
			known := &chunkProjects{chunks: map[engram.ChunkID]ownership.Projects{}, sessions: map[string]string{}}
			diff, err := syncer.Compare(t.Context(), local{here}, remote{there}, syncer.CompareOptions{
				Choice: func() *syncer.Choice { return &syncer.Choice{Wants: filter(t, text), Known: known} }})
			if err != nil {
				t.Fatal(err)
			}
			if r := syncer.Run(t.Context(), diff, syncer.Options{Pull: true, Concurrency: 1}); (len(r.Moved) == 1) != want || len(r.Failed) > 0 {
				t.Errorf("%.40s, %s: %+v", content, text, r)
			}
		}
	}
}

// A chunk that a project server lists in two forms comes in one, also where both had to wait for whose they are.
func TestOneFormOfWhatIsAskedFor(t *testing.T) {
	there, here := newSide(), newSide()
	there.version = 2
	const row = `"observations":[{"session_id":"s","type":"note"}],"prompts":[]`
	early, late := there.add(`{"sessions":[],`+row+`}`), there.add(`{"sessions":[], `+row+`}`)
	session := there.add(`{"sessions":[{"id":"s","project":"shop"}],"observations":[],"prompts":[]}`)
	there.entries[2].Sessions, there.entries[2].CreatedAt = 1, "2026-11-23T09:15:00Z"
	p := &projector{answered: map[engram.ChunkID]engram.ChunkID{late: early}}
	known := &chunkProjects{chunks: map[engram.ChunkID]ownership.Projects{}, sessions: map[string]string{}}
	diff, err := syncer.Compare(t.Context(), local{here}, remote{there}, syncer.CompareOptions{
		Projector: func(context.Context) (recognition.Projector, error) { return p, nil },
		Choice:    func() *syncer.Choice { return &syncer.Choice{Wants: filter(t, "--include project=shop"), Known: known} },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := syncer.Run(t.Context(), diff, syncer.Options{Pull: true, Concurrency: 1})
	want := []string{late.String(), session.String()}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(movedIDs(r))); !slices.Equal(got, want) || len(r.Failed)+len(r.Unasked) > 0 || here.content[early] != "" {
		t.Errorf("%v came, not %v: %+v", got, want, r)
	}
}

func filter(t *testing.T, text string) selection.Filter {
	t.Helper()
	var lists [2][]string
	words := strings.Fields(text)
	for i := 0; i < len(words); i += 2 {
		n := 0
		if words[i] == "--exclude" {
			n = 1
		}
		lists[n] = append(lists[n], words[i+1])
	}
	f, err := selection.Parse(lists[0], lists[1], func(text string, _ bool) (time.Time, error) { return time.Parse(time.DateOnly, text) })
	if err != nil {
		t.Fatal(err)
	}
	return f
}
