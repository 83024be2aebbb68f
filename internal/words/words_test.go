package words_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/words"
)

func ptr(s string) *string { return &s }

// A chunk tells the versions that the database had, whatever is in the text and
// whoever ordered the members.
func TestReadOfWhatWasEncoded(t *testing.T) {
	o := engram.Observation{SyncID: "obs-1", SessionID: "s-1", Type: "decision", Scope: "project", RevisionCount: 1, CreatedAt: "2026-11-22 09:00:00", UpdatedAt: "2026-11-22 09:00:00"}
	o.Content, o.Title = "bad \xff\xfe bytes \u2028 <b>", "\x00"
	p := engram.Prompt{ID: 1, SyncID: "prompt-1", SessionID: "s-1", Content: "why\xc3?"}
	s := engram.Session{ID: "s-1", Project: "Repo", EndedAt: ptr("2026-11-22 10:00:00"), Summary: ptr("done")}
	text, err := engram.EncodeChunk(engram.ChunkRows{
		Sessions: []engram.Session{s}, Observations: []engram.Observation{o, {Title: "nameless"}}, Prompts: []engram.Prompt{p},
	})
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(strings.TrimPrefix(string(text), "{"), `,"observations"`, 2)
	asServersDo := `{"mutations":[{"payload":"{}"}],"observations"` + strings.TrimSuffix(parts[1], "}") + "," + parts[0] + "}"
	want := []words.Word{words.OfSession(s), words.OfObservation(o, "repo"), words.OfPrompt(p, "repo")}
	for _, text := range []string{string(text), asServersDo} {
		got, err := words.Read(strings.NewReader(text))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v\n got %v\nwant %v\nof %q", err, got, want, text)
		}
	}
}

func TestReadOfDamage(t *testing.T) {
	for _, text := range []string{"", "[]", `{"observations":{}}`, `{"observations":[{"id":"x"}]}`, `{"sessions":[`} {
		if got, err := words.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q gave %v", text, got)
		}
	}
}

// Some kilobytes of gzip hold millions of empty rows, and of each something is kept.
func TestRowsAreBounded(t *testing.T) {
	text := `{"sessions":[` + strings.Repeat("{},", 1<<20) + `{}]}`
	if _, err := words.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "more than 1048576 rows") {
		t.Errorf("got %v", err)
	}
}
