package projection_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// supplement projects the chunks of a directory, for a server that has these rows.
func (d *directory) supplement(t *testing.T, opts projection.Options, there string) (recognition.Projection, string) {
	t.Helper()
	_, p := d.project(t, opts, t.TempDir())
	rows, err := recognition.ReadSignatures(strings.NewReader(there))
	if err != nil {
		t.Fatal(err)
	}
	var set recognition.RowSet
	set.Add(rows)
	chunks, err := p.Supplement(t.Context(), d.ids, &set)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i, id := range d.ids {
		for _, part := range chunks[id].Parts {
			text.WriteString(d.part(t, p, d.ids[i], part))
		}
	}
	return chunks[d.ids[0]], text.String()
}

// TestASupplementHasWhatIsMissing, whatever form the rest is there in.
func TestASupplementHasWhatIsMissing(t *testing.T) {
	blank := strings.Replace(session("s1", "alpha"), "/w", "", 1)
	mutation := `{"entity":"session","op":"delete","payload":"{\"id\":\"s9\"}","project":"alpha"}`
	untitled := strings.Replace(observation("untitled", "s1", ""), `"T"`, `""`, 1)
	edited := strings.Replace(observation("edited", "s1", `,"updated_at":"2026-11-22 10:00:00"`), `"C"`, `"later"`, 1)
	d := newDirectory(`{"kept":1,"sessions":[` + blank + `],"observations":[` + observation("new", "s1", "") + "," + untitled + "," + edited + "," +
		observation("old", "s1", "") + `],"mutations":[` + mutation + `]}`)
	there := `{"sessions":[` + session("s1", "beta") + `],"observations":[` +
		strings.Replace(untitled, `"title":""`, `"title":"another rule's"`, 1) + "," + observation("edited", "s1", "") + "," +
		strings.Replace(strings.Replace(observation("old", "s1", `,"updated_at":"2026-11-23 10:00:00"`), `"C"`, `"newer"`, 1), `"id":1`, `"id":9`, 1) +
		`],"mutations":[{"acked_at":"","entity":"session","entity_key":"s9","op":"delete","payload":"{\"id\":\"s9\",\"project\":\"alpha\"}"}]}`
	c, text := d.supplement(t, mended, there)
	if got := syncIDs(t, text); !slices.Equal(got, []string{"new", "edited"}) || c.Parts[0].Sessions != 0 || strings.Contains(text, "mutations") || strings.Contains(text, "kept") {
		t.Errorf("the supplement is %s", text)
	}
	if c, text := d.supplement(t, mended, text); len(c.Parts) != 1 || strings.Contains(text, `"new"`) {
		t.Errorf("once that is there, it is %s", text)
	}
}

// TestStrictRowsThatAreThereMended are no failure, nor are those that depend on them.
func TestStrictRowsThatAreThereMended(t *testing.T) {
	d := newDirectory(chunk([]string{strings.Replace(session("s1", "alpha"), "/w", "", 1)}, []string{observation("o", "s1", ""), observation("new", "s1", "")}))
	c, text := d.supplement(t, alpha, chunk([]string{session("s1", "alpha")}, []string{observation("o", "s1", "")}))
	if len(c.LeftOut) != 0 || !slices.Equal(syncIDs(t, text), []string{"new"}) {
		t.Errorf("left out %v, sent %s", c.LeftOut, text)
	}
}

// TestAStubThatIsThere is not added again.
func TestAStubThatIsThere(t *testing.T) {
	d := newDirectory(chunk(nil, []string{observation("o", "gone", "")}))
	ended := strings.Replace(session("gone", "alpha"), `"/w"`, `"/w","ended_at":"2026-11-22 10:00:00"`, 1)
	if c, _ := d.supplement(t, mended, chunk([]string{ended}, nil)); len(c.Parts) != 1 || c.Parts[0].Sessions != 0 {
		t.Errorf("it becomes %+v", c)
	}
}
