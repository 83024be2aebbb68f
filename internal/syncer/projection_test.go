package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// projector is a Projector over contents in memory: each chunk becomes the
// parts that a test says.
type projector struct {
	parts map[engram.ChunkID][]string
	needs map[string][]string // sessions, by the content of the part
	gives map[string][]string
	rest  map[engram.ChunkID]recognition.Projection
	asked []engram.ChunkID

	known    map[engram.ChunkID][]recognition.Signature
	answered map[engram.ChunkID]engram.ChunkID
	answers  int // how often somebody remembered some
}

func (p *projector) Answered(stored map[engram.ChunkID]engram.ChunkID) error {
	p.answered = stored
	p.answers++
	return nil
}

func (p *projector) Also(_ context.Context, ids []engram.ChunkID) (map[engram.ChunkID][]engram.ChunkID, error) {
	also := map[engram.ChunkID][]engram.ChunkID{}
	for _, id := range ids {
		if other, ok := p.answered[id]; ok {
			also[id] = []engram.ChunkID{other}
		}
	}
	return also, nil
}

func (p *projector) part(content string) recognition.Part {
	part := recognition.Part{ID: idOf(content), Memories: 1, Needs: p.needs[content], Provides: p.gives[content]}
	if stored, ok := p.answered[part.ID]; ok {
		part.Also = append(part.Also, stored)
	}
	return part
}

func (p *projector) Project(_ context.Context, _, ids []engram.ChunkID) (map[engram.ChunkID]recognition.Projection, error) {
	p.asked = append(p.asked, ids...)
	out := map[engram.ChunkID]recognition.Projection{}
	for _, id := range ids {
		projected := p.rest[id]
		for _, content := range p.parts[id] {
			projected.Parts = append(projected.Parts, p.part(content))
		}
		out[id] = projected
	}
	return out, nil
}

func (p *projector) Untimed(context.Context, []engram.ChunkID) ([]engram.ChunkID, error) {
	return nil, nil
}

// Supplement gives the parts of which the remote lacks a row.
func (p *projector) Supplement(_ context.Context, ids []engram.ChunkID, there *recognition.RowSet) (map[engram.ChunkID]recognition.Projection, error) {
	out := map[engram.ChunkID]recognition.Projection{}
	for _, id := range ids {
		projected := p.rest[id]
		for _, content := range p.parts[id] {
			rows, _ := recognition.ReadSignatures(strings.NewReader(content))
			if len(rows) == 0 || slices.ContainsFunc(rows, func(v recognition.Signature) bool { return !there.Has(v) }) {
				projected.Parts = append(projected.Parts, recognition.Part{ID: idOf(content)})
			}
		}
		out[id] = projected
	}
	return out, nil
}

func (p *projector) Rows(_ context.Context, ids []engram.ChunkID) (map[engram.ChunkID][]recognition.Signature, error) {
	out := map[engram.ChunkID][]recognition.Signature{}
	for _, id := range ids {
		for _, content := range p.parts[id] {
			rows, _ := recognition.ReadSignatures(strings.NewReader(content))
			out[id] = append(out[id], rows...)
		}
	}
	return out, nil
}

func (p *projector) Known(id engram.ChunkID) ([]recognition.Signature, bool) {
	rows, ok := p.known[id]
	return rows, ok
}

func (p *projector) Learn(chunks map[engram.ChunkID][]recognition.Signature) error {
	if p.known == nil {
		p.known = map[engram.ChunkID][]recognition.Signature{}
	}
	maps.Copy(p.known, chunks)
	return nil
}

func (p *projector) OpenPart(_ context.Context, local, part engram.ChunkID) (*engram.Chunk, error) {
	for _, content := range p.parts[local] {
		if idOf(content) == part {
			return engram.NewChunk(part, io.NopCloser(strings.NewReader(content)), 1<<20), nil
		}
	}
	return nil, errors.New("no such part")
}

func lookThrough(t *testing.T, here, there *side, p *projector, change ...func(*syncer.CompareOptions)) *syncer.Diff {
	t.Helper()
	opts := syncer.CompareOptions{Projector: func(context.Context) (recognition.Projector, error) { return p, nil }}
	for _, f := range change {
		f(&opts)
	}
	s, err := syncer.Compare(t.Context(), local{here}, remote{there}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestProjectedChunks pushes a chunk that becomes two parts, one that is the
// project's as it is, one with nothing for the project, and one with a bad row.
func TestProjectedChunks(t *testing.T) {
	here, there := newSide(), newSide()
	split, whole := here.add(numbered(1)), here.add(numbered(2))
	foreign, bad := here.add(numbered(3)), here.add(numbered(4))
	p := &projector{
		parts: map[engram.ChunkID][]string{
			split: {`{"part":1}`, `{"part":2}`}, whole: {numbered(2)}, bad: {`{"rest":4}`},
		},
		rest: map[engram.ChunkID]recognition.Projection{
			foreign: {Foreign: map[string]int{"theirs": 7}},
			bad:     {LeftOut: []engram.RowNote{{List: "observations", Index: 3, Field: "title", Reason: "is blank"}}},
		},
	}
	there.content[idOf(`{"part":1}`)] = `{"part":1}` // what an earlier, killed run sent
	there.entries = append(there.entries, entryOf(idOf(`{"part":1}`)))

	diff := lookThrough(t, here, there, p)
	if len(diff.ToPull) != 0 {
		t.Errorf("a part of our own chunk would be pulled: %v", diff.ToPull)
	}
	result := syncer.Run(t.Context(), diff, both)
	var sent []string
	for _, m := range result.Moved {
		sent = append(sent, m.Remote.String())
	}
	want := []string{idOf(`{"part":2}`).String(), idOf(numbered(2)).String(), idOf(`{"rest":4}`).String()}
	slices.Sort(sent)
	slices.Sort(want)
	if !slices.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
	var leftOut *syncer.LeftOutError
	if len(result.Failed) != 1 || !errors.As(result.Failed[0].Err, &leftOut) || leftOut.ID != bad {
		t.Errorf("failed: %v", result.Failed)
	}
	if len(diff.Omitted) != 2 || diff.Omitted[0].ID != foreign || diff.Omitted[0].Foreign["theirs"] != 7 {
		t.Errorf("left behind: %v", diff.Omitted)
	}

	again := lookThrough(t, here, there, p)
	if result := syncer.Run(t.Context(), again, both); !again.Clean() || len(result.Moved) > 0 || !slices.Equal(failedIDs(result), []string{bad.String()}) {
		t.Errorf("a second run finds something to do, or says less: %v %v %v", again.ToPush, again.ToPull, result.Failed)
	}
}

// TestSessionsFirst lets a part go only after the one that brings its session.
func TestSessionsFirst(t *testing.T) {
	here, there := newSide(), newSide()
	p := &projector{parts: map[engram.ChunkID][]string{}, needs: map[string][]string{}, gives: map[string][]string{}}
	of := map[engram.ChunkID]string{}
	for n := range 40 {
		content := numbered(100 + n)
		of[idOf(content)] = content
		p.parts[here.add(numbered(n))] = []string{content}
		p.needs[content] = []string{fmt.Sprint("s", n/3)}
		if n%3 == 2 {
			p.gives[content], p.needs[content] = p.needs[content], nil
		}
	}
	result := syncer.Run(t.Context(), lookThrough(t, here, there, p), syncer.Options{Push: true, Concurrency: 8})
	if len(result.Moved) != 40 {
		t.Fatalf("moved %d, failed %v", len(result.Moved), result.Failed)
	}
	brought := map[string]bool{"s13": true} // which no part brings
	for _, id := range there.tried {
		for _, session := range p.needs[of[id]] {
			if !brought[session] {
				t.Fatalf("%s was sent before session %s", id, session)
			}
		}
		for _, session := range p.gives[of[id]] {
			brought[session] = true
		}
	}
}

// TestServerMadeChunks are not pulled unless somebody asks for them.
func TestServerMadeChunks(t *testing.T) {
	here, there := newSide(), newSide()
	for i, by := range []string{"mutation-push", "mutation-backfill", "ana"} {
		there.add(numbered(i))
		there.entries[i].CreatedBy = by
	}
	p := &projector{}
	if s := lookThrough(t, here, there, p); len(s.ServerMade) != 2 || len(s.ToPull) != 1 || s.ToPull[0].Entry.CreatedBy != "ana" {
		t.Errorf("server made %v, to pull %v", s.ServerMade, s.ToPull)
	}
	s := lookThrough(t, here, there, p, func(o *syncer.CompareOptions) { o.ServerChunks = true })
	if len(s.ServerMade) != 0 || len(s.ToPull) != 3 {
		t.Errorf("asked for: server made %v, to pull %v", s.ServerMade, s.ToPull)
	}
	if s := look(t, here, there, nil); len(s.ToPull) != 3 {
		t.Errorf("on an account server: to pull %v", s.ToPull)
	}
}

// TestPulledPart is here under the server's id, and as the chunk that it came from.
func TestPulledPart(t *testing.T) {
	here, there := newSide(), newSide()
	original := here.add(numbered(1))
	part := there.add(`{"part":1}`)
	here.add(`{"part":1}`)
	p := &projector{parts: map[engram.ChunkID][]string{original: {`{"part":1}`}}}
	s := lookThrough(t, here, there, p)
	if !s.Clean() || slices.Contains(p.asked, part) {
		t.Errorf("to push %v, to pull %v, projected %v", s.ToPush, s.ToPull, p.asked)
	}
}

// TestRowsAreRecognised in whichever chunk the remote has them: what it holds is
// not sent, what is all here is not pulled, and each of its chunks is read once.
func TestRowsAreRecognised(t *testing.T) {
	prompts := func(ids ...string) string {
		var rows []string
		for _, id := range ids {
			rows = append(rows, fmt.Sprintf(`{"sync_id":%q,"session_id":"s","content":"C"}`, id))
		}
		return `{"prompts":[` + strings.Join(rows, ",") + `]}`
	}
	here, there := newSide(), newSide()
	whole, half, new := here.add(numbered(1)), here.add(numbered(2)), here.add(numbered(3))
	there.add(prompts("a", "b", "c"))
	theirs := there.add(prompts("d", "z"))
	p := &projector{parts: map[engram.ChunkID][]string{
		whole: {prompts("a", "b")}, half: {prompts("c"), prompts("d", "e")}, new: {prompts("f")},
	}}
	for range 2 {
		s := lookThrough(t, here, there, p)
		var pushes, pulls []engram.ChunkID
		for _, item := range s.ToPush {
			pushes = append(pushes, item.Remote)
		}
		for _, item := range s.ToPull {
			pulls = append(pulls, item.Remote)
		}
		want := []engram.ChunkID{idOf(prompts("d", "e")), idOf(prompts("f"))}
		slices.SortFunc(want, engram.ChunkID.Compare)
		slices.SortFunc(pushes, engram.ChunkID.Compare)
		if !slices.Equal(pushes, want) {
			t.Errorf("to push %v, want %v", pushes, want)
		}
		if want := []engram.ChunkID{theirs}; !slices.Equal(pulls, want) {
			t.Errorf("to pull %v, want %v", pulls, want)
		}
		if !slices.ContainsFunc(s.Present, func(p syncer.Pair) bool { return p.Local == whole }) {
			t.Errorf("present %v", s.Present)
		}
		there.fail = func(engram.ChunkID) error { return errors.New("read twice") }
	}
}

// TestSessionsAlone are rows too: of a chunk whose memories stayed here the remote may have them.
func TestSessionsAlone(t *testing.T) {
	here, there := newSide(), newSide()
	ours, other := here.add(numbered(1)), here.add(numbered(2))
	const session = `{"sessions":[{"id":"s"}]`
	there.add(session + `}`)
	p := &projector{parts: map[engram.ChunkID][]string{
		ours: {session + `,"prompts":[{"sync_id":"p","session_id":"s","content":"C"}]}`}, other: {`{"prompts":[{"sync_id":"q","session_id":"t","content":"C"}]}`},
	}}
	s := lookThrough(t, here, there, p)
	if !s.Projected[ours].Supplement || s.Projected[other].Supplement {
		t.Errorf("projected %+v", s.Projected)
	}
}

// TestAnInterruptedRecognition reads nothing again that it has read.
func TestAnInterruptedRecognition(t *testing.T) {
	here, there := newSide(), newSide()
	ours := here.add(numbered(1))
	for n := range 9 {
		there.add(numbered(10 + n))
	}
	p := &projector{parts: map[engram.ChunkID][]string{ours: {`{"part":1}`}}}
	down := errors.New("the server goes down")
	there.fail = func(engram.ChunkID) error {
		if len(there.tried) > 5 {
			return down
		}
		return nil
	}
	opts := syncer.CompareOptions{Projector: func(context.Context) (recognition.Projector, error) { return p, nil }, Fatal: func(error) bool { return true }}
	if _, err := syncer.Compare(t.Context(), local{here}, remote{there}, opts); !errors.Is(err, down) {
		t.Fatalf("it ends with %v", err)
	}
	there.fail = nil
	if _, err := syncer.Compare(t.Context(), local{here}, remote{there}, opts); err != nil {
		t.Fatal(err)
	}
	if len(there.tried) != 10 { // the one that failed was tried twice, those behind it once
		t.Errorf("read %d times", len(there.tried))
	}
}

// TestChunksThatCannotBeProjected fail, each in its own right, and can be named
// like those of which nothing goes.
func TestChunksThatCannotBeProjected(t *testing.T) {
	here, there := newSide(), newSide()
	bad, foreign, good := here.add(numbered(1)), here.add(numbered(2)), here.add(numbered(3))
	unreadable := errors.New("unreadable")
	p := &projector{
		parts: map[engram.ChunkID][]string{good: {`{"part":3}`}},
		rest:  map[engram.ChunkID]recognition.Projection{bad: {Err: unreadable}, foreign: {Foreign: map[string]int{"theirs": 1}}},
	}
	s := lookThrough(t, here, there, p)
	if got := s.Pushes(); !slices.Equal(got, []engram.ChunkID{good, bad}) || s.Clean() {
		t.Errorf("pushes %v", got)
	}
	if _, plan := syncer.Plan(s, syncer.Options{Push: true}); len(plan.Failed) != 1 || !errors.Is(plan.Failed[0].Err, unreadable) {
		t.Errorf("planned: %v", plan.Failed)
	}
	if _, plan := syncer.Plan(s, syncer.Options{Pull: true}); len(plan.Failed) != 0 {
		t.Errorf("a pull: %v", plan.Failed)
	}
	for _, id := range []engram.ChunkID{bad, foreign, good} {
		only, err := s.Select([]string{id.String()}, syncer.Options{Push: true})
		if err != nil || !slices.Equal(only, []engram.ChunkID{id}) {
			t.Errorf("select %s: %v, %v", id, only, err)
		}
		if _, err := s.Select([]string{id.String()}, syncer.Options{Pull: true}); err == nil {
			t.Errorf("a pull of %s", id)
		}
	}
	result := syncer.Run(t.Context(), s, syncer.Options{Push: true, Concurrency: 1, Only: []engram.ChunkID{foreign}})
	if len(result.Moved)+len(result.Failed) != 0 {
		t.Errorf("got %+v", result)
	}
}

// storedAs is the answer of a server that gives chunks ids of its own.
type storedAs engram.ChunkID

func (storedAs) Error() string              { return "it has another id" }
func (s storedAs) StoredAs() engram.ChunkID { return engram.ChunkID(s) }

// renaming is a server whose form of chunks is not ours.
type renaming struct {
	remote
	theirs string // what it makes of the chunk
}

func (r renaming) WriteChunk(ctx context.Context, entry engram.ChunkEntry, open func() (*engram.Chunk, error)) error {
	entry.ID = idOf(r.theirs)
	if _, again := r.content[entry.ID]; again {
		c, err := open()
		if err == nil {
			_, err = io.Copy(io.Discard, c)
		}
		return errors.Join(err, storedAs(entry.ID))
	}
	err := r.remote.WriteChunk(ctx, entry, open)
	r.content[entry.ID] = r.theirs
	return errors.Join(err, storedAs(entry.ID))
}

// rowIn is a chunk with one memory, in some form.
func rowIn(form, syncID string) string {
	return fmt.Sprintf(`{"form":%q,"observations":[{"sync_id":%q,"content":"c"}]}`, form, syncID)
}

// TestAnotherIDIsTheServersLastWord: what it has under an id that nobody expected is
// there, is read back as what it is, and is neither pushed nor pulled by a later run.
func TestAnotherIDIsTheServersLastWord(t *testing.T) {
	ours, theirs := rowIn("ours", "o1"), rowIn("theirs", "o1")
	for _, readBack := range []bool{false, true} {
		here, there := newSide(), newSide()
		id := here.add(numbered(1))
		p := &projector{parts: map[engram.ChunkID][]string{id: {ours}}}
		opts := syncer.CompareOptions{Projector: func(context.Context) (recognition.Projector, error) { return p, nil }}
		s, err := syncer.Compare(t.Context(), local{here}, renaming{remote{there}, theirs}, opts)
		if err != nil {
			t.Fatal(err)
		}
		run := both
		run.ReadBack = readBack
		if result := syncer.Run(t.Context(), s, run); len(result.Moved) != 1 || len(result.Failed) > 0 {
			t.Errorf("the push became %+v", result)
		}
		if p.answered[idOf(ours)] != idOf(theirs) {
			t.Errorf("remembered: %v", p.answered)
		}
		if again := lookThrough(t, here, there, p); !again.Clean() {
			t.Errorf("the next run would push %v and pull %v", again.ToPush, again.ToPull)
		}
	}
}

// TestOtherIDsAreRememberedAtOnce: what keeps them writes all of them each time.
func TestOtherIDsAreRememberedAtOnce(t *testing.T) {
	here, there := newSide(), newSide()
	id := here.add(numbered(1))
	ours := []string{rowIn("ours", "o1"), rowIn("ours", "o2"), rowIn("ours", "o3")}
	p := &projector{parts: map[engram.ChunkID][]string{id: ours}}
	opts := syncer.CompareOptions{Projector: func(context.Context) (recognition.Projector, error) { return p, nil }}
	theirs := `{"observations":[{"sync_id":"o1","content":"c"},{"sync_id":"o2","content":"c"},{"sync_id":"o3","content":"c"}]}`
	s, err := syncer.Compare(t.Context(), local{here}, renaming{remote{there}, theirs}, opts)
	if err != nil {
		t.Fatal(err)
	}
	if result := syncer.Run(t.Context(), s, syncer.Options{Push: true, Concurrency: 1}); len(result.Failed) > 0 || p.answers != 1 || len(p.answered) != 3 {
		t.Errorf("remembered %d times: %v, %+v", p.answers, p.answered, result)
	}
}

// TestAnotherIDIsNotBelievedOfOtherRows: the push failed, whatever the server says, and
// the next run tries again.
func TestAnotherIDIsNotBelievedOfOtherRows(t *testing.T) {
	here := newSide()
	id := here.add(numbered(1))
	p := &projector{parts: map[engram.ChunkID][]string{id: {rowIn("ours", "o1")}}}
	opts := syncer.CompareOptions{Projector: func(context.Context) (recognition.Projector, error) { return p, nil }}
	for range 2 {
		there := newSide()
		s, err := syncer.Compare(t.Context(), local{here}, renaming{remote{there}, rowIn("theirs", "o2")}, opts)
		if err != nil {
			t.Fatal(err)
		}
		result := syncer.Run(t.Context(), s, syncer.Options{Push: true, Concurrency: 1})
		if len(result.Failed) != 1 || !errors.Is(result.Failed[0].Err, syncer.ErrOtherRows) {
			t.Errorf("the push became %+v", result)
		}
		if len(p.answered) > 0 {
			t.Errorf("remembered: %v", p.answered)
		}
	}
}

// TestAChunkThatIsListedTwiceComesOnce: of its forms the latest, by which the others are
// known; what only looks like another form comes as well.
func TestAChunkThatIsListedTwiceComesOnce(t *testing.T) {
	for _, concurrency := range []int{1, 8} {
		here, there := newSide(), newSide()
		there.version = 2
		earlier, stranger := there.add(rowIn("1.x", "o1")), there.add(rowIn("1.x", "o2"))
		later := there.add(rowIn("2.x", "o1"))
		p := &projector{answered: map[engram.ChunkID]engram.ChunkID{later: earlier}}
		result := syncer.Run(t.Context(), lookThrough(t, here, there, p), syncer.Options{Pull: true, Concurrency: concurrency})
		if len(result.Moved) != 2 || len(result.Failed) > 0 || len(result.Present) != 1 || result.Present[0].Local != later || result.Present[0].Remote != earlier {
			t.Errorf("%+v", result)
		}
		var listed []engram.ChunkID
		for _, e := range here.entries {
			listed = append(listed, e.ID)
		}
		if !slices.Equal(listed, []engram.ChunkID{stranger, later}) {
			t.Errorf("listed: %v", listed)
		}
		if again := lookThrough(t, here, there, p); !again.Clean() {
			t.Errorf("the next run would push %v and pull %v", again.ToPush, again.ToPull)
		}
	}
}

// TestAChunkThatIsListedTwice, by an upgraded server to which somebody else has sent it
// again, is here already under the id that both list.
func TestAChunkThatIsListedTwice(t *testing.T) {
	here, there := newSide(), newSide()
	both := here.add(numbered(1))
	there.add(numbered(1))
	again, stranger := there.add(`{"form":"newer"}`), there.add(numbered(2))
	p := &projector{answered: map[engram.ChunkID]engram.ChunkID{both: again}}
	s := lookThrough(t, here, there, p)
	if len(s.ToPull) != 1 || s.ToPull[0].Remote != stranger || len(s.ToPush) > 0 {
		t.Errorf("it would push %v and pull %v", s.ToPush, s.ToPull)
	}
}
