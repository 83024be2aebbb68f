package source_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
)

const (
	first  = `{"entity":"session","entity_key":"s","op":"upsert","payload":{"id": "s"}}`
	second = `{"entity":"observation","entity_key":"o","op":"upsert","payload":{"title":"T"}}`
	third  = `{"entity":"observation","entity_key":"o","op":"delete","payload":{}}`
)

func TestRowsHaveTheNumbersOfTheirLines(t *testing.T) {
	f := open(t, first+"\n\n"+second+"\r\n \t\n"+third)
	if err := f.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 3, 5}, lines(t, f, 0)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{5}, lines(t, f, 3)); diff != "" {
		t.Error(diff)
	}
}

// What has passed is not judged again: later looks only find the sums at the places of
// jobs. The lines are counted without reading them once more.
func TestLinesAreJudgedOnce(t *testing.T) {
	f := open(t, first+"\n\n"+second+"\n{}\n \n")
	var bad *source.BadLinesError
	for range 2 {
		if err := f.Check(t.Context(), nil); !errors.As(err, &bad) {
			t.Errorf("error %v", err)
		}
	}
	f = open(t, first+"\n\n"+second+"\n"+third+"\n \n")
	if err := f.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for after, want := range []int{3, 2, 2, 1, 0, 0, 0} {
		if got := f.Count(int64(after)); got != want || got != len(lines(t, f, int64(after))) {
			t.Errorf("%d mutations behind line %d, want %d", got, after, want)
		}
	}
	if err := f.Check(t.Context(), []*journal.Job{{Position: 3}}); err != nil {
		t.Fatal(err)
	}
	for row, err := range f.Rows(t.Context(), 0) {
		same, matchErr := f.Matches(t.Context(), row.Position, row.Hash)
		if known := row.Position == 3; err != nil || matchErr != nil || same != known {
			t.Errorf("line %d matches: %t (%v, %v)", row.Position, same, err, matchErr)
		}
	}
	write(t, f.Name(), strings.Replace(first+"\n\n"+second+"\n"+third+"\n \n", "T", "U", 1))
	if err := f.Check(t.Context(), []*journal.Job{{Position: 1}}); !errors.Is(err, source.ErrChanged) {
		t.Errorf("error %v, want ErrChanged", err)
	}
}

// A file that grows keeps the sums of its beginning, also where its last line
// had no line break before.
func TestSumsOfAGrowingFile(t *testing.T) {
	short, long := open(t, first+"\n"+second), open(t, first+"\n"+second+"\n"+third+"\n")
	for _, f := range []*source.File{short, long} {
		if err := f.Check(t.Context(), []*journal.Job{{Position: 1}, {Position: 2}, {Position: 3}}); err != nil {
			t.Fatal(err)
		}
	}
	hashes := map[int64]journal.RowHash{}
	for row, err := range long.Rows(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		hashes[row.Position] = row.Hash
	}
	for n, both := range map[int64]bool{1: true, 2: true, 3: false, 4: false} {
		if same, err := short.Matches(t.Context(), n, hashes[n]); err != nil || same != both {
			t.Errorf("%d lines: equal is %v (%v)", n, !both, err)
		}
	}
	errA, errB := short.Begin(t.Context()), long.Begin(t.Context())
	if errA != nil || errB != nil || short.Group() != long.Group() {
		t.Errorf("the first lines differ (%v, %v)", errA, errB)
	}
}

func TestBadLinesAreNamed(t *testing.T) {
	bad := `{"entity":"widget","entity_key":"o","op":"upsert","payload":{}}`
	f := open(t, strings.Repeat(bad+"\n"+first+"\n", 7)+"{\n")
	err := f.Check(t.Context(), nil)
	var lines *source.BadLinesError
	if !errors.As(err, &lines) || lines.Count != 8 || len(lines.Lines) != 5 {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{f.Name() + ":1: entity", f.Name() + ":9: entity", "and 3 more", "--force"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %q", want, err)
		}
	}
	f.Force = true
	if err := f.Check(t.Context(), nil); !errors.As(err, &lines) || lines.Count != 1 {
		t.Errorf("with force: %v", err)
	}
}

func TestFilesThatAreNoJSONLines(t *testing.T) {
	for text, want := range map[string]string{
		"\xef\xbb\xbf" + first:        "byte order mark",
		"\xff\xfe{\x00":               "UTF-16",
		first + "\n\x00\n":            ":2: ",
		strings.Repeat("x", 10<<20+1): ":1: the line is longer",
	} {
		var bad *source.BadLinesError
		if err := open(t, text).Check(t.Context(), nil); !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	var both *source.BadLinesError
	if err := open(t, "{}\n"+strings.Repeat("x", 10<<20+1)).Check(t.Context(), nil); !errors.As(err, &both) || both.Count != 2 {
		t.Errorf("a bad line and a long one: %v", err)
	}
	if err := open(t, first+"\n"+strings.Repeat(" ", 10<<20)+"\n").Check(t.Context(), nil); err != nil {
		t.Errorf("a line of just 10 MiB: %v", err)
	}
	if err := open(t, "").Check(t.Context(), nil); err != nil {
		t.Errorf("no lines: %v", err)
	}
}

// Between the check and the sending somebody may write to the file.
func TestFileThatChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.jsonl")
	write(t, path, first+"\n"+second+"\n")
	f, err := source.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, f)
	if err := f.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	write(t, path, first+"\n"+second+"\n"+third+"\n")
	if diff := cmp.Diff([]int64{1, 2}, lines(t, f, 0)); diff != "" {
		t.Errorf("what was added counts: %s", diff)
	}
	write(t, path, strings.Replace(first+"\n"+second+"\n", "T", "U", 1))
	var got error
	for _, err := range f.Rows(t.Context(), 0) {
		got = err
	}
	if !errors.Is(got, source.ErrChanged) {
		t.Errorf("error %v, want ErrChanged", got)
	}
}

func TestSpoolIsPrivateAndGoes(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	f, err := source.Spool("stdin", strings.NewReader(first+"\n"+second))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 2}, lines(t, f, 0)); diff != "" {
		t.Error(diff)
	}
	if left := names(t, dir); runtime.GOOS != "windows" && len(left) > 0 {
		t.Errorf("a kill would leave %v", left)
	}
	closeFile(t, f)
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestOpenOfNothing(t *testing.T) {
	if _, err := source.OpenFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := source.OpenFile(t.TempDir()); !errors.Is(err, source.ErrDirectory) {
		t.Errorf("error %v", err)
	}
}

func open(t *testing.T, text string) *source.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.jsonl")
	write(t, path, text)
	f, err := source.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeFile(t, f) })
	return f
}

func closeFile(t *testing.T, f *source.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func lines(t *testing.T, f *source.File, after int64) []int64 {
	t.Helper()
	var found []int64
	for row, err := range f.Rows(t.Context(), after) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, row.Position)
	}
	return found
}
