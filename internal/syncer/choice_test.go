package syncer_test

import (
	"context"
	"errors"
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
		there, known := newSide(), newChunkProjects()
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
			if r := askFor(t, here, there, newChunkProjects(), text); (len(r.Moved) == 1) != want || len(r.Failed) > 0 {
				t.Errorf("%.40s, %s: %+v", content, text, r)
			}
		}
	}
}

// A run asks for a part, with what earlier ones have seen.
func askFor(t *testing.T, here, there *side, known *chunkProjects, text string) syncer.Result {
	t.Helper()
	diff, err := syncer.Compare(t.Context(), local{here}, remote{there}, syncer.CompareOptions{
		Choice: func() *syncer.Choice { return &syncer.Choice{Wants: filter(t, text), Known: known} }})
	if err != nil {
		t.Fatal(err)
	}
	return syncer.Run(t.Context(), diff, syncer.Options{Pull: true, Concurrency: 1})
}

func newChunkProjects() *chunkProjects {
	return &chunkProjects{chunks: map[engram.ChunkID]ownership.Projects{}, sessions: map[string]string{}}
}

// A time in the future is now, before a chunk was read and after.
func TestAskedForOfTheFuture(t *testing.T) {
	for text, want := range map[string]int{"until=2098-01-01": 1, "since=2098-01-01": 0} {
		for _, also := range []string{"", " --include type=note", " --exclude type=prompt"} {
			here, there := newSide(), newSide()
			there.add(`{"sessions":[],"observations":[{"session_id":"s","type":"note"}],"prompts":[]}`)
			there.entries[0].CreatedAt = "2099-01-01T00:00:00Z"
			r := askFor(t, here, there, newChunkProjects(), "--include "+text+also)
			if len(r.Moved) != want || len(r.Unasked) != 1-want || len(r.Failed)+len(r.Left) > 0 || len(there.tried) > 1 {
				t.Errorf("%s%s: %+v, loaded %d times", text, also, r, len(there.tried))
			}
		}
	}
}

// Whose the rows are that name no project is looked up in what was seen of the remote, and in
// the directory. Who could not see all yet takes nothing that may be of a project that nobody
// wants, and the next run does.
func TestAskedForByASessionElsewhere(t *testing.T) {
	const session, row = `{"sessions":[{"id":"s","project":"%s"}],"observations":[],"prompts":[]}`, `{"sessions":[],"observations":[{"session_id":"s","type":"note"}],"prompts":[]}`
	for project, comes := range map[string]int{"drafts": 0, "shop": 1} {
		session := fmt.Sprintf(session, project)

		here, there := newSide(), newSide()
		here.add(session)
		there.add(row)
		if r := askFor(t, here, there, newChunkProjects(), "--exclude project=drafts"); len(r.Moved) != comes || len(r.Unasked) != 1-comes {
			t.Errorf("%s, in the directory: %+v", project, r)
		}

		here, there = newSide(), newSide()
		known, id := newChunkProjects(), there.add(session)
		there.add(row)
		there.fail = func(asked engram.ChunkID) error {
			if asked == id {
				return errors.New("it breaks off")
			}
			return nil
		}
		if r := askFor(t, here, there, known, "--exclude project=drafts"); len(r.Moved) > 0 || len(r.Unasked) != 1 || len(r.Failed) != 1 {
			t.Errorf("%s, while the session is not to be had: %+v", project, r)
		}
		there.fail = nil
		if r := askFor(t, here, there, known, "--exclude project=drafts"); len(r.Moved) != 2*comes || len(r.Failed) > 0 {
			t.Errorf("%s, with the session: %+v", project, r)
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
	known := newChunkProjects()
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
