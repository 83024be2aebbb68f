package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// FuzzPage: whatever a server answers, what is taken is what the standard
// library reads, and it is a journal that goes on behind since.
func FuzzPage(f *testing.F) {
	for _, seed := range []string{
		journalText(3, 2),
		`{"mutations":[],"has_more":false}`,
		" ",
		`{"mutations":null,"has_more":false,"latest_seq":0}`,
		`{"has_more":true,"mutations":[{"seq":8,"entity":"e\u0065","entity_key":"k","op":"o","payload":"{}","seqs":{"seq":1},"project":null}]}`,
		`{"mutations":[{"seq":8,"entity":"e","entity_key":"k","op":"o","payload":{"a":[1]},"Seq":9}],"has_more":false}`,
		`{"mutations":[{"seq":1e1,"entity":"e","entity_key":"\ud800","op":"o"}],"has_more":false}`,
	} {
		f.Add([]byte(seed), int64(2))
	}
	f.Fuzz(func(t *testing.T, text []byte, since int64) {
		got, err := pullPage(t, since, string(text))
		if err != nil {
			cut := errors.Is(err, io.ErrUnexpectedEOF) && !json.Valid(text) // a beginning, as of a lost connection
			if !cut && !errors.Is(err, transport.ErrNotEngram) && !errors.Is(err, transport.ErrRefused) {
				t.Errorf("%q gave %v", text, err)
			}
			return
		}
		if slices.ContainsFunc(got.Mutations, func(row transport.PullMutationResult) bool { return row.Odd != "" }) {
			return // the standard library takes it for something else, or for nothing
		}
		var want transport.PullMutationsResponse
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q was taken: %v", text, err)
		}
		if len(got.Mutations) != len(want.Mutations) || got.HasMore != want.HasMore || got.HasMore && len(got.Mutations) == 0 {
			t.Fatalf("%q gave %v, want %v", text, got, want)
		}
		for i, row := range got.Mutations {
			sameRow(t, row, want.Mutations[i])
			if row.Seq <= since {
				t.Errorf("seq %d after %d", row.Seq, since)
			}
			since = row.Seq
		}
	})
}

// sameRow compares a row with the standard library's.
func sameRow(t *testing.T, got, want transport.PullMutationResult) {
	t.Helper()
	if len(want.Payload) == 0 {
		want.Payload = json.RawMessage("null")
	}
	same := bytes.Equal(got.Payload, want.Payload) && utf8.Valid(got.Payload)
	got.Payload, want.Payload = nil, nil
	if a, b := got, want; !same || a.Seq != b.Seq || a.UserID != b.UserID || a.Project != b.Project ||
		a.Entity != b.Entity || a.EntityKey != b.EntityKey || a.Op != b.Op || a.OccurredAt != b.OccurredAt {
		t.Errorf("got %v, want %v", got, want)
	}
}

// BenchmarkPage is a full page without a network. What it allocates besides the
// text itself is one key for each row.
func BenchmarkPage(b *testing.B) {
	text := journalText(1, 1000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	remote := wiretest.Dial(b, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		return wiretest.Answer(req, http.StatusOK, text), nil
	})})
	for b.Loop() {
		page, err := remote.PullMutations(b.Context(), 0, 1000)
		if err != nil || len(page.Mutations) != 1000 {
			b.Fatal(err)
		}
	}
}

// BenchmarkPageByDecoder is the same text through the standard library.
func BenchmarkPageByDecoder(b *testing.B) {
	text := []byte(journalText(1, 1000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var page transport.PullMutationsResponse
		if err := json.Unmarshal(text, &page); err != nil {
			b.Fatal(err)
		}
	}
}
