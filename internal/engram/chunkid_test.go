package engram_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
)

func mustID(t testing.TB, s string) engram.ChunkID {
	t.Helper()
	id, err := engram.ParseChunkID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestOnlyEightLowerCaseHexDigitsAreAChunkID(t *testing.T) {
	if id := mustID(t, "0cdb38de"); id.String() != "0cdb38de" || id.IsZero() {
		t.Errorf("got %v", id)
	}
	for _, bad := range []string{
		"", "0cdb38d", "0cdb38de0", "0CDB38DE", "0cdb38dg", "../../x1", "../x", "a/b/c/d/", "0cdb38d\n",
		"0cdb38d\x00", "０cdb38", strings.Repeat("a", 1<<20),
	} {
		id, err := engram.ParseChunkID(bad)
		if !errors.Is(err, engram.ErrBadChunkID) || !id.IsZero() {
			t.Errorf("%.20q: got %v, %v", bad, id, err)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("the error repeats all %d bytes of its input", len(bad))
		}
	}
}

func TestIDOfIsTheStartOfTheHash(t *testing.T) {
	// echo -n '{}' | sha256sum
	if got := engram.IDOf(sha256.Sum256([]byte("{}"))).String(); got != "44136fa3" {
		t.Errorf("got %s, want 44136fa3", got)
	}
}

func FuzzParseChunkID(f *testing.F) {
	for _, s := range []string{"0cdb38de", "../x", "ABCDEF12", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := engram.ParseChunkID(s)
		if err == nil && (id.String() != s || len(s) != 8 || strings.Trim(s, "0123456789abcdef") != "") {
			t.Errorf("accepted %q as %q", s, id)
		}
	})
}
