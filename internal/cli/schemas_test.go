package cli

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/schemas"
)

// documentsVariable names, to a program that a story runs, the directory where it leaves a copy of the document that it prints.
const documentsVariable = "TEST_DOCUMENTS"

// documents is that directory; "" where nobody collects them.
var documents string

// keepDocument lets a run with --json leave a copy of what it prints. end gives stdout what it waits for.
func keepDocument() (end func()) {
	dir := os.Getenv(documentsVariable)
	args := os.Args[1:]
	filters := slices.ContainsFunc(args, func(arg string) bool { return asksForJSON(arg) && arg != "--json" })
	if dir == "" || filters || !slices.Contains(args, "--json") {
		return func() {}
	}
	cmd, _, err := Command().Find(args)
	if err != nil || !cmd.HasParent() || !cmd.Runnable() || linesOrNothing[cmd.CommandPath()] {
		return func() {}
	}
	name := strings.ReplaceAll(strings.TrimPrefix(cmd.CommandPath(), "engram-sync "), " ", "-")
	file, err := os.CreateTemp(dir, name+".*.json")
	if err != nil {
		panic(err)
	}
	stdout := os.Stdout
	os.Stdout = file
	return func() {
		if _, err := file.Seek(0, io.SeekStart); err == nil {
			_, _ = io.Copy(stdout, file) // who reads it says what is missing
		}
		_ = file.Close()
	}
}

// linesOrNothing are the commands that print no single document.
var linesOrNothing = map[string]bool{"engram-sync mutations pull": true, "engram-sync serve": true, "engram-sync browse": true}

// collectDocuments holds what the stories of t print against docs/schemas when they are over. With -update the schemas are
// written anew, of what all stories print.
func collectDocuments(t *testing.T) {
	documents = t.TempDir()
	t.Cleanup(func() {
		files, err := os.ReadDir(documents)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string][][]byte{}
		for _, f := range files {
			text, err := os.ReadFile(filepath.Join(documents, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if len(text) == 0 {
				continue // the run failed before it had a result
			}
			name, _, _ := strings.Cut(f.Name(), ".")
			seen[name] = append(seen[name], text)
		}
		if *update {
			writeSchemas(t, seen)
		}
		for name, docs := range seen {
			holdAgainstSchema(t, name, docs)
		}
		documents = ""
	})
}

var schemasDir = filepath.Join("..", "..", "docs", "schemas")

func holdAgainstSchema(t *testing.T, name string, docs [][]byte) {
	t.Helper()
	path := filepath.Join(schemasDir, name+".json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("a command has no schema, run `make schemas`: %v", err)
		return
	}
	schema, err := schemas.Closed(text)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	for _, doc := range docs {
		if err := schema.Validate(doc); err != nil {
			t.Errorf("docs/schemas/%s.json is out of date, run `make schemas`: %v\n%s", name, err, doc)
			return
		}
	}
}

func writeSchemas(t *testing.T, seen map[string][][]byte) {
	t.Helper()
	if err := os.RemoveAll(schemasDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(schemasDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, docs := range seen {
		shape := new(schemas.Shape)
		for _, doc := range docs {
			if err := shape.Add(doc); err != nil {
				t.Fatal(err)
			}
		}
		text, err := shape.Text("engram-sync " + strings.ReplaceAll(name, "-", " ") + " --json")
		if err == nil {
			err = os.WriteFile(filepath.Join(schemasDir, name+".json"), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
