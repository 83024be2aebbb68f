package words_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
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

// FuzzRead: the last word on each row is the same however a chunk is laid out: with
// other white space, and with its lists in another order.
func FuzzRead(f *testing.F) {
	f.Add([]byte(fixtures.LaterChunk))
	f.Add([]byte(`{"mutations":[{"entity":"session","op":"upsert","entity_key":"s","payload":{"id":"s","project":"new"}}],"prompts":[{"sync_id":"p","session_id":"s"}],"sessions":[{"id":"s","project":"old"}]}`))
	f.Add([]byte(`{"observations":null,"Sessions":[{"id":"a","Project":"b"}]}`))
	f.Add([]byte(`{"observations":[{"id":"x"}],"prompts":[],"x":[{"prompts":[{}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		want, wrong := lastWords(text)
		members, err := jsonscan.Split(text, jsonscan.Object, 0)
		if err != nil {
			return
		}
		slices.Reverse(members)
		seen, other := map[string]bool{}, []byte("{")
		for i, m := range members {
			name, _ := json.Marshal(m.Name)
			other = append(append(append(append(other, ", "[:min(2*i, 2)]...), name...), ':'), m.Value...)
			seen[strings.ToLower(strings.ToUpper(m.Name))] = true
		}
		var wide bytes.Buffer
		if len(seen) < len(members) || json.Indent(&wide, append(other, '}'), "", "\t") != nil {
			return // a list that stands there twice is read in its order
		}
		if got, failed := lastWords(wide.Bytes()); failed != wrong || !wrong && !maps.Equal(got, want) {
			t.Errorf("%s\n gives %v, %t,\n%s\n gives %v, %t", text, want, wrong, &wide, got, failed)
		}
	})
}

// lastWords are those on each row.
func lastWords(text []byte) (last map[[17]byte]words.Word, failed bool) {
	all, err := words.Read(bytes.NewReader(text))
	last = map[[17]byte]words.Word{}
	for _, w := range all {
		last[[17]byte(append([]byte{byte(w.Kind)}, w.Row[:]...))] = w
	}
	return last, err != nil
}
