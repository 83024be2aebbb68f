package merge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
)

func idsOf(m *engram.Manifest) []string {
	var ids []string
	for _, e := range m.Entries() {
		ids = append(ids, e.ID.String())
	}
	return ids
}

const (
	first  = `{"id":"11111111","created_by":"ana","created_at":"2026-11-22T09:00:00Z","sessions":1,"memories":1,"prompts":1}`
	second = `{"id":"22222222","created_by":"ben","created_at":"2026-11-22T10:00:00Z","sessions":1,"memories":2,"prompts":1}`
)

func TestWhatAMergeLeavesIsRecovered(t *testing.T) {
	tests := map[string]struct {
		text   string
		want   []string
		doubts map[string]merge.Confidence
	}{
		"nothing wrong":      {text: withEntry(first), want: []string{"11111111"}},
		"a comma is missing": {text: withEntry(first + "\n" + second), want: []string{"11111111", "22222222"}},
		"listed twice":       {text: withEntry(second + "," + first + "," + second), want: []string{"11111111", "22222222"}},
		"two whole texts":    {text: withEntry(first) + "\n" + withEntry(second), want: []string{"11111111", "22222222"}},
		"glued": {
			text: withEntry(`{"id":"22222222","id":"11111111","created_by":"ana","created_at":"2026-11-22T10:00:00Z",
				"created_at":"2026-11-22T09:00:00Z","sessions":1,"memories":2,"memories":1,"prompts":1}`),
			want:   []string{"11111111", "22222222"},
			doubts: map[string]merge.Confidence{"11111111": merge.Pieced, "22222222": merge.Pieced},
		},
		"glued, and a part lies elsewhere": {
			text:   withEntry(`{"id":"22222222","id":"11111111","created_at":"2026-11-22T10:00:00Z"},{"id":"33333333","created_at":"2026-11-22T09:00:00Z","created_at":"2026-11-22T11:00:00Z"}`),
			want:   []string{"33333333", "11111111", "22222222"},
			doubts: map[string]merge.Confidence{"11111111": merge.Guessed, "22222222": merge.Guessed, "33333333": merge.Guessed},
		},
		"glued, and no time is left": {
			text:   withEntry(`{"id":"22222222","id":"11111111","sessions":1,"sessions":2}`),
			want:   []string{"11111111", "22222222"},
			doubts: map[string]merge.Confidence{"11111111": merge.Guessed, "22222222": merge.Guessed},
		},
		"a glued side of a conflict": {
			text: "{\"version\":1,\"chunks\":[\n<<<<<<< a\n" + `{"id":"22222222","id":"11111111","created_at":"2026-11-22T10:00:00Z"}` +
				"\n=======\n" + first + "\n>>>>>>> b\n]}",
			want:   []string{"11111111", "22222222"},
			doubts: map[string]merge.Confidence{"22222222": merge.Pieced},
		},
		"a conflict about everything, around another": {
			text: string(merge.WholeConflict([]byte(withEntry(first)),
				[]byte("{\"version\":1,\"chunks\":[\n<<<<<<< a\n"+first+"\n=======\n"+second+"\n>>>>>>> b\n]}\n"))),
			want: []string{"11111111", "22222222"},
		},
		"markers and line ends of Windows": {
			text: "{\"version\":1,\"chunks\":[\r\n<<<<<<< a\r\n" + first + "\r\n||||||| c\r\n=======\r\n" + second + "\r\n>>>>>>> b\r\n]}",
			want: []string{"11111111", "22222222"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := merge.Recover([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, idsOf(r.Manifest)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, e := range r.Manifest.Entries() {
				if r.Doubts[e.ID].Confidence != tt.doubts[e.ID.String()] {
					t.Errorf("%s: doubt %d, want %d", e.ID, r.Doubts[e.ID].Confidence, tt.doubts[e.ID.String()])
				}
				if e.ID.String() == "11111111" && r.Doubts[e.ID].Confidence == 0 && e.CreatedBy != "ana" {
					t.Errorf("the entry is %+v", e)
				}
			}
		})
	}
}

func TestMembersThatWeDoNotKnowAreRecovered(t *testing.T) {
	r, err := merge.Recover([]byte("{\"version\":1,\"x\":{\"y\":[1,2]},\"chunks\":[" +
		`{"id":"22222222","id":"11111111","created_at":"2026-11-22T10:00:00Z","z":{"a":1}}` + "]}\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"x": {"y":[1,2]}`, `"z": {`, "}\r\n"} {
		if !strings.Contains(string(r.Manifest.Bytes()), want) {
			t.Errorf("no %q in:\n%s", want, r.Manifest.Bytes())
		}
	}
}

func TestWhatIsNoMergeIsLeftAlone(t *testing.T) {
	tangled := "{\"version\":1,\"chunks\":[\n<<<<<<< a\n<<<<<<< a\n=======\n>>>>>>> b\n]}"
	nested := withEntry(first) + "\n"
	for range 6 {
		nested = string(merge.WholeConflict([]byte(nested), []byte(withEntry(second))))
	}
	tests := map[string]struct {
		text string
		want error
	}{
		"empty":             {"", engram.ErrDamaged},
		"cut off":           {withEntry(first)[:80], engram.ErrDamaged},
		"text":              {"hello", engram.ErrDamaged},
		"a bare value":      {withEntry(`"x", {"id":"22222222","id":"11111111","created_at":"2026-11-22T10:00:00Z"}`), engram.ErrDamaged},
		"which x counts?":   {`{"version":1,"x":1,"x":2,"chunks":[]}`, engram.ErrDamaged},
		"tangled markers":   {tangled, merge.ErrTangled},
		"an open marker":    {"<<<<<<< a\n{}", merge.ErrTangled},
		"nested too deep":   {nested, merge.ErrTangled},
		"one side is text":  {"<<<<<<< a\nhello\n=======\n" + withEntry(first) + "\n>>>>>>> b\n", engram.ErrDamaged},
		"many open objects": {strings.Repeat("{", 3<<20) + "}", engram.ErrDamaged},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := merge.Recover([]byte(tt.text))
			if !errors.Is(err, tt.want) || errors.Is(err, engram.ErrTwice) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What is no entry of engram's comes out of a merge as it was, whatever git has
// made of the rest.
func TestForeignEntriesSurviveAMerge(t *testing.T) {
	const foreign, noID = `{ "id": "ac2963f4-8ba1", "note": {"a": [1]} }`, `{"summary": "x"}`
	glued := `{"id":"22222222","id":"11111111","created_at":"2026-11-22T10:00:00Z"}`
	for name, text := range map[string]string{
		"a union":                withEntry(foreign + ",\n" + glued + ",\n" + noID),
		"with a byte order mark": "\ufeff" + withEntry(foreign+",\n"+first+",\n"+second+","+noID),
		"a conflict":             string(merge.WholeConflict([]byte(withEntry(first+","+foreign)+"\n"), []byte(withEntry(noID+","+foreign+","+second)+"\n"))),
	} {
		r, err := merge.Recover([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m, err := r.Settled()
		if err != nil || r.Cause == nil || len(m.Entries()) != 2 || len(m.Rejected()) != 2 ||
			!strings.Contains(string(m.Bytes()), foreign) || !strings.Contains(string(m.Bytes()), noID) {
			t.Errorf("%s: it becomes %v %s", name, err, m.Bytes())
		}
	}
	// An id that was glued to another one can't be told from one that was alone.
	r, err := merge.Recover([]byte(withEntry(`{"id":"../../x","id":"11111111","created_at":"2026-11-22T10:00:00Z"}`)))
	if err != nil || len(r.Manifest.Entries()) != 1 || len(r.Manifest.Rejected()) != 1 || r.Manifest.Rejected()[0].ID != "../../x" {
		t.Errorf("a glued one becomes %v, %+v", err, r.Manifest)
	}
}

// FuzzRecoverManifest: whatever a repository holds, what comes out is a
// manifest or an error.
func FuzzRecoverManifest(f *testing.F) {
	f.Add([]byte(withEntry(first + "\n" + second)))
	f.Add([]byte(withEntry(`{"id":"22222222","id":"11111111","created_at":"2026-11-22T10:00:00Z"}`)))
	f.Add([]byte("{\"version\":1,\"chunks\":[\n<<<<<<< a\n" + first + "\n||||||| c\n=======\n" + second + "\n>>>>>>> b\n]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := merge.Recover(text)
		if err != nil {
			return
		}
		if _, err := engram.ParseManifest(r.Manifest.Bytes()); err != nil {
			t.Errorf("what was recovered is no manifest: %v", err)
		}
		if _, err := r.Settled(r.Manifest.Entries()...); err != nil {
			t.Error(err)
		}
	})
}

func withEntry(entries string) string { return `{"version":1,"chunks":[` + entries + `]}` }

// The sides of an unfinished merge count, whatever lies in the work tree.
func TestSidesOfAnUnfinishedMerge(t *testing.T) {
	third := strings.ReplaceAll(first, "11111111", "33333333")
	base, ours, theirs := withEntry(""), withEntry(first), withEntry(second)
	for name, c := range map[string]struct {
		text, ours, theirs string
		want               []string
		merged             bool
	}{
		"the work tree has nothing":      {"", ours, theirs, []string{"11111111", "22222222"}, true},
		"it has ours":                    {ours, ours, theirs, []string{"11111111", "22222222"}, true},
		"it has markers":                 {string(merge.WholeConflict([]byte(ours), []byte(theirs))), ours, theirs, []string{"11111111", "22222222"}, true},
		"it has a chunk more":            {withEntry(third), ours, theirs, []string{"11111111", "33333333", "22222222"}, true},
		"somebody has united them":       {withEntry(second + "," + first + "," + third), ours, theirs, []string{"22222222", "11111111", "33333333"}, false},
		"one side has no manifest":       {"", "", theirs, []string{"22222222"}, true},
		"one side is damaged":            {ours, ours, theirs[:40], []string{"11111111"}, false},
		"both are, and the work tree no": {ours, "", "x", []string{"11111111"}, false},
	} {
		r, err := merge.RecoverUnmerged([]byte(c.text), []byte(base), []byte(c.ours), []byte(c.theirs))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := idsOf(r.Manifest); !slices.Equal(got, c.want) || errors.Is(r.Cause, merge.ErrUnmerged) != c.merged || string(r.Text) != c.text {
			t.Errorf("%s: %v, %v, want %v", name, got, r.Cause, c.want)
		}
	}
	if _, err := merge.RecoverUnmerged(nil, nil, []byte("x"), []byte("y")); !errors.Is(err, engram.ErrDamaged) {
		t.Errorf("nothing but damage: %v", err)
	}
}
