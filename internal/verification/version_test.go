package verification_test

import (
	"fmt"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/verification"
)

const owned = `{"sessions":[{"id":"m","ownership_mode":"project_owned"}]}`

// What chunks show is looked for from the newest on, as far as one may read, once.
func TestWhatChunksShowIsReadOnce(t *testing.T) {
	here := newSide()
	for _, content := range []string{owned, numbered(1), numbered(2)} {
		here.add(content)
	}
	here.content[here.add(`{"sessions":[{"id":"gone","ownership_mode":"shared"}]}`)] = "{}"
	for i := range here.entries {
		here.entries[i].CreatedAt = fmt.Sprintf("2026-11-2%dT09:15:00Z", i)
	}
	m, err := here.ReadManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known := map[engram.ChunkID]engram.Generation{}
	for _, tc := range []struct {
		most    int64
		want    engram.Generation
		opened  int
		because string
	}{
		{0, engram.Gen1, 0, "nothing may be read"},
		{1, engram.Gen1, 1, "the newest is damaged, and shows nothing"},
		{1 << 20, engram.Gen2, 5, "the oldest is read twice, as it may tell something"},
		{1 << 20, engram.Gen2, 1, "only the damaged one is read again"},
	} {
		here.opened = 0
		if got := verification.Shown(t.Context(), here, m, known, tc.most); got != tc.want || here.opened != tc.opened {
			t.Errorf("%s: %v, %d opened", tc.because, got, here.opened)
		}
	}
}
