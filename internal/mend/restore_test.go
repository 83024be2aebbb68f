package mend_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

// Real chunks: what is restored of their reduced form is what the true ones give, so
// that the twin can be told, and no two rows share an identity.
func TestRestoredChunks(t *testing.T) {
	for _, dir := range fixtures.ChunkDirs() {
		_, chunks := wiretest.ReadFixture(t, dir)
		for id, chunk := range chunks {
			reduced, err := wiretest.Reduce([]byte(chunk.Text))
			if err != nil {
				t.Fatal(err)
			}
			text, rows, err := mend.Restore(id, strings.NewReader(string(reduced)))
			if err != nil {
				t.Fatal(err)
			}
			if twin, _, err := mend.Restore(id, strings.NewReader(chunk.Text)); err != nil || string(twin) != string(text) {
				t.Errorf("%s: of the true chunk (%v)\n%s\nof the reduced one\n%s", id, err, twin, text)
			}
			if again, _, err := mend.Restore(id, strings.NewReader(string(text))); err != nil || string(again) != string(text) {
				t.Errorf("%s: restored again it is another: %s", id, again)
			}
			seen := map[string]bool{"": true}
			for _, o := range rows.Observations {
				if seen[o.SyncID] {
					t.Errorf("%s: two rows have the identity %q", id, o.SyncID)
				}
				seen[o.SyncID] = true
			}
			restored, ok, err := mend.ReadRestored(strings.NewReader(string(text)))
			if err != nil || ok != (len(rows.Observations)+len(rows.Prompts) > 0) || ok && !restored.From(id) {
				t.Errorf("%s is not recognised: %t, %v", id, ok, err)
			}
			if other := engram.IDOf(sha256.Sum256(text)); ok && restored.From(other) {
				t.Errorf("%s is taken for a restored %s", id, other)
			}
			if restored, ok, _ := mend.ReadRestored(strings.NewReader(chunk.Text)); ok && restored.From(id) {
				t.Errorf("the true %s is taken for a restored one", id)
			}
		}
	}
}

// A chunk of sessions loses nothing on the wire: what is restored is the true one.
func TestSessionsAreRestoredWhole(t *testing.T) {
	const content = `{"sessions":[{"id":"s","project":"p","directory":"/d","started_at":"2026-11-22 09:00:00","summary":"S"}],"observations":null,"prompts":null}`
	id := engram.IDOf(sha256.Sum256([]byte(content)))
	reduced, err := wiretest.Reduce([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	if text, _, err := mend.Restore(id, strings.NewReader(string(reduced))); err != nil || string(text) != content {
		t.Errorf("it becomes %s, %v", text, err)
	}
}
