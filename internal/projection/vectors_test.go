package projection_test

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// TestVectorsKeepTheirIDs: a chunk of which all goes, and that a server takes,
// has the id that a real server gave it.
func TestVectorsKeepTheirIDs(t *testing.T) {
	file, err := os.Open(fixtures.CanonicalVectors())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	same := 0
	for lines.Scan() {
		var v struct{ Project, Data, ID string }
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		d := newDirectory(v.Data)
		chunks, _ := d.project(t, projection.Options{Project: engram.NormalizeProject(v.Project), IncludePersonal: true}, t.TempDir())
		c := chunks[0]
		if c.Err != nil || len(c.LeftOut)+len(c.Foreign)+c.Personal > 0 || len(c.Parts) != 1 || strings.Contains(v.Data, "-0") {
			continue
		}
		if got := c.Parts[0].ID.String(); got != v.ID {
			t.Errorf("%s in %s: id %s, want %s", v.Data, v.Project, got, v.ID)
		}
		same++
	}
	if same < 40 {
		t.Errorf("only %d vectors were tried", same)
	}
}

// TestOddDocuments are read as servers read them.
func TestOddDocuments(t *testing.T) {
	long := strings.Repeat("n", 1000)
	for _, content := range []string{
		"{\n\"sessions\" :\t[ " + session("s1", "alpha") + " ,\r\n" + session("s1", "alpha") + " ] }",
		`{"sessions":[` + session("twice", "alpha") + `],"sessions":[` + session("s1", "alpha") + `]}`,
		`{"sessions":[` + session("s1", "alpha") + `],"observations":[{"x":1}],"observations":null,"prompts":[]}`,
		`{"se\u0073sions":[` + session("s1", "alpha") + `],"a\u0062":1,"ab":[2,{"sessions":[1]}],"` + long + `1":1,"` + long + `2":{"prompts":[3]},"":0}`,
		`{"sessions":[` + session("s1", "alpha") + `],"\ud800":1,"` + "\xff" + `":2,"n":1e3,"m":-12}`,
		`{"mutations":null,"sessions":[` + session("s1", "alpha") + `]}`,
	} {
		d := newDirectory(content)
		chunks, p := d.project(t, alpha, t.TempDir())
		want, err := canon.Of(engram.Gen1).ForPush([]byte(content), "alpha")
		if err != nil || chunks[0].Err != nil || len(chunks[0].Parts) != 1 {
			t.Errorf("%s: %v, %+v", content, err, chunks[0])
			continue
		}
		if got := d.part(t, p, d.ids[0], chunks[0].Parts[0]); got != string(want) {
			t.Errorf("%s becomes\n%s\nwant\n%s", content, got, want)
		}
	}
	for _, content := range []string{`{"sessions":5}`, `{"prompts":{}}`, `{"mutations":"[]"}`, `{"sessions":[]`, `[]`, `{"sessions":[]}}`} {
		if chunks, _ := newDirectory(content).project(t, alpha, t.TempDir()); chunks[0].Err == nil {
			t.Errorf("%s becomes %+v", content, chunks[0])
		}
	}
}
