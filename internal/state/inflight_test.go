package state_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
)

// A run notes chunks and is killed. The next one knows them; a run a minute later
// needs to know nothing, since the manifest tells by then.
func TestInFlightOutlivesAKilledRun(t *testing.T) {
	dir := t.TempDir()
	ids := []engram.ChunkID{id(t, "0cdb38de"), id(t, "ca8b5346"), id(t, "00000001")}
	killed := openInFlight(t, dir, "https://one.example")
	for i := range ids {
		if err := killed.Note(ids[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(ids, engram.ChunkID.Compare)

	next := openInFlight(t, dir, "https://one.example")
	left, rest := next.Left()
	slices.SortFunc(left, engram.ChunkID.Compare)
	if !slices.Equal(left, ids) || rest < 30*time.Second || rest > time.Minute {
		t.Errorf("left %v for %v, want %v", left, rest, ids)
	}
	if left, _ := openInFlight(t, dir, "https://two.example").Left(); len(left) > 0 {
		t.Errorf("another remote is asked for %v", left)
	}

	path := onlyFile(t, filepath.Join(dir, "in-flight"))
	cut, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cut.WriteString("00000"); err != nil { // a power failure
		t.Fatal(err)
	}
	if err := cut.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := openInFlight(t, dir, "https://one.example").Left(); len(left) != 3 {
		t.Errorf("of a cut file there is %v", left)
	}
	for clock, want := range map[time.Duration]int{-time.Minute: 0, time.Hour: 3} { // ago, and one that was set back since
		at := time.Now().Add(clock)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		if left, rest := openInFlight(t, dir, "https://one.example").Left(); len(left) != want || rest > time.Minute {
			t.Errorf("with a time of %v: %v for %v", clock, left, rest)
		}
	}
	killed.End(nil)
}

func TestInFlightKeepsWhatIsInDoubt(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second run continues a file
		run := openInFlight(t, dir, "https://one.example")
		for _, known := range []string{"0cdb38de", "ca8b5346"} {
			if err := run.Note([]engram.ChunkID{id(t, known)}); err != nil {
				t.Fatal(err)
			}
		}
		run.End([]engram.ChunkID{id(t, "ca8b5346")})
	}
	last := openInFlight(t, dir, "https://one.example")
	if left, _ := last.Left(); !slices.Equal(left, []engram.ChunkID{id(t, "ca8b5346")}) {
		t.Errorf("left %v", left)
	}
	last.End(nil)
	if files, err := os.ReadDir(filepath.Join(dir, "in-flight")); err != nil || len(files) != 0 {
		t.Errorf("in the end there is %v, %v", files, err)
	}
}

func openInFlight(t *testing.T, dir, remote string) *state.InFlight {
	t.Helper()
	f, err := state.OpenInFlight(state.In(dir), remote, "/repo/.engram")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("in %s there is %v, %v", dir, files, err)
	}
	return filepath.Join(dir, files[0].Name())
}
