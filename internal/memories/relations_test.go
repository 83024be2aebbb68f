package memories_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/selection"
)

func related(judgment string, change func(*engram.Relation)) engram.Relation {
	r := engram.Relation{SyncID: "rel-1", SourceID: "obs-a", TargetID: "obs-b", Relation: "related", Judgment: judgment,
		CreatedAt: at("08:00"), UpdatedAt: at("08:00")}
	if change != nil {
		change(&r)
	}
	return r
}

func asMutation(t *testing.T, r engram.Relation) engram.ChunkRows {
	t.Helper()
	r.Project = "repo"
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return mutation("relation", r.SyncID, "upsert", string(text))
}

// A relation goes if whoever reads all chunks has both ends, in its project.
// Source: engram-2.md 7, rule 12.
func TestRelations(t *testing.T) {
	other := func(o engram.Observation, change func(*engram.Observation)) engram.Observation { change(&o); return o }
	a, b := note("obs-a", "08:00", "a", 1), note("obs-b", "08:00", "b", 1)
	one := memories.Tally{Relations: 1}
	missing := memories.Tally{StayHome: memories.StayHome{MissingEnds: 1}}
	tests := []struct {
		story string
		here  engram.Relation
		ends  []engram.Observation
		said  []engram.ChunkRows
		want  memories.Tally // of relations
	}{
		{"ends in chunks", related("judged", nil), []engram.Observation{a, b}, []engram.ChunkRows{chunk(a, b)}, one},
		{"ends in this export", related("judged", nil), []engram.Observation{a, b}, nil, one},
		{"nobody has judged it yet", related("pending", nil), []engram.Observation{a, b}, nil, one},
		{"an end was deleted for good", related("orphaned", nil), []engram.Observation{a}, []engram.ChunkRows{chunk(a, b)}, memories.Tally{StayHome: memories.StayHome{Orphaned: 1}}},
		{"an end is nowhere", related("judged", nil), []engram.Observation{a}, nil, missing},
		{"an end is personal", related("judged", nil), []engram.Observation{a, other(b, func(o *engram.Observation) { o.Scope = "personal" })}, nil, missing},
		{"an end is global", related("judged", nil), []engram.Observation{a, other(b, func(o *engram.Observation) { o.Scope = "global" })}, nil, missing},
		{"an end is of another project", related("judged", nil), []engram.Observation{a, other(b, func(o *engram.Observation) { o.Project = ptr("other") })}, nil, missing},
		{"an end was deleted before any chunk had it", related("judged", nil), []engram.Observation{a, deletedAt(b, "09:00")}, nil, missing},
		{"an end was deleted since", related("judged", nil), []engram.Observation{a, deletedAt(b, "09:00")}, []engram.ChunkRows{chunk(a, b)}, one},
		{"an end was deleted for good elsewhere", related("judged", nil), []engram.Observation{a, b},
			[]engram.ChunkRows{chunk(a, b), gone("observation", "obs-b", at("09:00"))}, missing},
		{"in a chunk", related("judged", nil), []engram.Observation{a, b}, []engram.ChunkRows{chunk(a, b), asMutation(t, related("judged", nil))}, memories.Tally{InChunks: 1}},
		{"judged since", related("judged", func(r *engram.Relation) { r.UpdatedAt, r.Reason = at("09:00"), ptr("why") }), []engram.Observation{a, b},
			[]engram.ChunkRows{chunk(a, b), asMutation(t, related("pending", nil))}, one},
		{"judged later elsewhere", related("judged", nil), []engram.Observation{a, b},
			[]engram.ChunkRows{chunk(a, b), asMutation(t, related("judged", func(r *engram.Relation) { r.UpdatedAt, r.Reason = at("09:00"), ptr("why") }))},
			memories.Tally{StayHome: memories.StayHome{Superseded: 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.story, func(t *testing.T) {
			m := database{sessions: []engram.Session{session}, observations: tt.ends}
			without := find(t, m, heldIn(t, tt.said...), memories.Scope{Project: "repo"}).Total()
			m.relations = []engram.Relation{tt.here}
			found := find(t, m, heldIn(t, tt.said...), memories.Scope{Project: "repo"})
			if diff := cmp.Diff(memories.Tallies{"": without, "x": tt.want}.Total(), found.Total()); diff != "" {
				t.Fatal(diff)
			}
			drafts, err := collect(found.Drafts(1<<20, "me", newest, now))
			if err != nil {
				t.Fatal(err)
			}
			again := find(t, m, heldIn(t, append(tt.said, contents(t, drafts)...)...), memories.Scope{Project: "repo"})
			if again.Total().Rows() > 0 {
				t.Errorf("a second export finds %+v", again.Total())
			}
		})
	}
}

// What is left out of an export is no end that a relation misses, once chunks have it.
func TestARelationOfWhatIsNotAskedFor(t *testing.T) {
	a, b := note("obs-a", "08:00", "a", 1), note("obs-b", "08:00", "b", 1)
	m := database{sessions: []engram.Session{session}, observations: []engram.Observation{a, b}, relations: []engram.Relation{related("judged", nil)}}
	wants, err := selection.Parse([]string{"type=relation"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	scope := memories.Scope{Project: "repo", Choice: memories.Choice{Wants: wants}}
	if got := find(t, m, heldIn(t, chunk(a, b)), scope).Total(); got.Relations != 1 || got.MissingEnds > 0 {
		t.Errorf("both ends in chunks: %+v", got)
	}
	if got := find(t, m, heldIn(t, chunk(a)), scope).Total(); got.Relations != 0 || got.MissingEnds != 1 || got.Excluded != 1 {
		t.Errorf("one end nowhere: %+v", got)
	}
}

// The session in which a relation was judged comes with it.
func TestTheSessionOfARelationComesWithIt(t *testing.T) {
	judged := engram.Session{ID: "t", Project: "repo", Directory: "/w", StartedAt: at("09:00")}
	a, b := note("obs-a", "08:00", "a", 1), note("obs-b", "08:00", "b", 1)
	m := database{sessions: []engram.Session{session, judged}, observations: []engram.Observation{a, b},
		relations: []engram.Relation{related("judged", func(r *engram.Relation) { r.SessionID = ptr("t") })}}
	found := find(t, m, heldIn(t, chunk(a, b)), memories.Scope{Project: "repo"})
	drafts, err := collect(found.Drafts(1<<20, "me", newest, now))
	if err != nil {
		t.Fatal(err)
	}
	got := contents(t, drafts)
	if len(got) != 2 || len(got[0].Sessions) != 1 || got[0].Sessions[0].ID != "t" || len(got[0].Mutations) > 0 || len(got[1].Mutations) != 1 {
		t.Errorf("got %+v", got)
	}
	wants, err := selection.Parse(nil, []string{"type=relation"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for why, test := range map[string]struct {
		choice memories.Choice
		said   engram.ChunkRows
	}{
		"nobody asked for it":     {memories.Choice{Wants: wants}, chunk(a, b)},
		"an end is not to be had": {memories.Choice{}, gone("observation", "obs-b", at("09:00"))},
	} {
		scope := memories.Scope{Project: "repo", Choice: test.choice}
		if got := find(t, m, heldIn(t, chunk(a, b), test.said), scope).Total(); got.Sessions+got.Relations > 0 {
			t.Errorf("it stays, since %s: %+v", why, got)
		}
	}
}
