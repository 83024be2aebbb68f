package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// figures account for the rows of directories.
type figures struct {
	in, arrived, mended        int
	leftOut, personal, foreign int
	directories                int
}

// unaccounted is how many rows neither arrived nor were told of.
func (f figures) unaccounted() int { return f.in - f.arrived - f.leftOut - f.personal - f.foreign }

func (f *figures) add(other figures) {
	f.in, f.arrived, f.mended = f.in+other.in, f.arrived+other.arrived, f.mended+other.mended
	f.leftOut, f.personal, f.foreign = f.leftOut+other.leftOut, f.personal+other.personal, f.foreign+other.foreign
	f.directories++
}

func (f figures) String() string {
	return fmt.Sprintf("%d directories: %d rows in, %d arrived (%d of them mended), told: %d left out, %d personal, %d of other projects; %d unaccounted for",
		f.directories, f.in, f.arrived, f.mended, f.leftOut, f.personal, f.foreign, f.unaccounted())
}

// field are the directories that people have; fewer of them if time is short.
func field() []corpus.Directory {
	if testing.Short() {
		return corpus.Sample()
	}
	return corpus.Directories()
}

// enter puts a directory into a repository of its own, and the user into that.
func (u *user) enter(d corpus.Directory, home string) {
	u.t.Helper()
	u.where = filepath.Join(home, d.Name)
	dir := filepath.Join(u.where, ".engram")
	manifest, err := d.Manifest()
	err = errors.Join(err, os.MkdirAll(filepath.Join(u.where, ".git"), 0o755), os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "manifest.json"), manifest, 0o644))
	for _, c := range d.Chunks {
		_, failed := storeChunk(dir, c.Text)
		err = errors.Join(err, failed)
	}
	if err != nil {
		u.t.Fatal(err)
	}
}

// try runs a command line to its end, whatever its code.
func (u *user) try(args ...string) (code int, stdout, stderr string) {
	u.t.Helper()
	cmd := u.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		u.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// told is what a result says of the rows that are not as they were on the server.
func told(t *testing.T, stdout string) (f figures) {
	t.Helper()
	var doc struct {
		LeftBehind []struct {
			Personal, Foreign int
			LeftOut           []engram.RowNote `json:"left_out"`
			Filled            []engram.RowNote
		} `json:"left_behind"`
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	for _, b := range doc.LeftBehind {
		f.personal, f.foreign, f.leftOut = f.personal+b.Personal, f.foreign+b.Foreign, f.leftOut+len(b.LeftOut)
		rows := map[string]bool{}
		for _, n := range b.Filled {
			if n.Index >= 0 { // else it is a session that was added
				rows[fmt.Sprint(n.List, n.Index)] = true
			}
		}
		f.mended += len(rows)
	}
	return f
}

// arrivals are how often each row is in the chunks, by its key.
func arrivals(t *testing.T, chunks [][]byte) map[string]int {
	t.Helper()
	keys := map[string]int{}
	for _, body := range chunks {
		var rows engram.ChunkRows
		if err := json.Unmarshal(body, &rows); err != nil {
			t.Fatal(err)
		}
		for _, s := range rows.Sessions {
			keys[s.ID]++
		}
		for _, o := range rows.Observations {
			keys[o.Content]++
		}
		for _, p := range rows.Prompts {
			keys[p.Content]++
		}
	}
	return keys
}

// renamed are the flags for a repository whose rows have an older name of it, which
// is a usage error that tells them.
func (u *user) renamed(d corpus.Directory) []string {
	u.t.Helper()
	if d.Project == d.Name {
		return nil
	}
	if code, stdout, stderr := u.try("push"); code != 2 || !strings.Contains(stderr, "--project "+d.Project) {
		u.t.Errorf("%s was %s: push gives %d, %s%s", d.Name, d.Project, code, stdout, stderr)
	}
	return []string{"--project", d.Project}
}

// settleDown moves a directory, and looks whether later runs say the same, in words
// and codes: nothing to do, where it is complete.
func (u *user) settleDown(d corpus.Directory, complete bool, flags ...string) {
	u.t.Helper()
	run := func(command ...string) (int, string, string) { return u.try(append(flags, command...)...) }
	run("push")
	run("sync") // adopts files without an entry
	code, first, firstErr := run("push")
	again, second, secondErr := run("push")
	if code != again || first != second || firstErr != secondErr {
		u.t.Errorf("%s: two runs that find the same say %d %s%s and %d %s%s", d.Name, code, first, firstErr, again, second, secondErr)
	}
	if want := map[bool]int{true: 0, false: 3}[complete]; code != want || complete != strings.HasPrefix(first, "nothing to do") {
		u.t.Errorf("%s: push gives %d, want %d: %s%s", d.Name, code, want, first, firstErr)
	}
	if code, stdout, stderr := run("status", "--exit-code"); complete != (code == 0) {
		u.t.Errorf("%s: status gives %d: %s%s", d.Name, code, stdout, stderr)
	}
}

// Whatever people have, all of it arrives once or is told, on every run in the
// same way.
func TestTheFieldIsAccountedForOnProjectServers(t *testing.T) {
	srv := projectserver.New(projectserver.Options{Token: "secret-token", Projects: []string{"*"}})
	u := newUser(t, watched(t, srv, "secret-token").url, "secret-token")
	home := t.TempDir()
	var sum figures
	for i, d := range field() {
		u.enter(d, home)
		project := u.renamed(d)
		if i%2 == 1 { // some of it is there already, in another form
			u.try(append(project, "push", "--strict")...)
		}
		u.settleDown(d, d.Count(corpus.LeftOut) == 0 && d.ForeignEntries == 0, project...)

		_, stdout, _ := u.try(append(project, "push", "--json")...)
		got := told(t, stdout)
		got.in = len(d.Rows)
		there := arrivals(t, srv.Bodies(d.Project))
		added := 0
		for _, n := range there {
			added += n
		}
		for _, r := range d.Rows {
			n, want := there[r.Key], 0
			if r.Fate == corpus.Arrives || r.Fate == corpus.Mended {
				want = 1
			}
			if n != want {
				t.Errorf("%s: row %q, which %s, is there %d times", d.Name, r.Key, r.Fate, n)
			}
			got.arrived += n
		}
		if added -= got.arrived; added != d.MissingSessions {
			t.Errorf("%s: %d rows are there that nobody had, want %d sessions", d.Name, added, d.MissingSessions)
		}
		want := figures{in: len(d.Rows), arrived: d.Count(corpus.Arrives, corpus.Mended), mended: d.Count(corpus.Mended),
			leftOut: d.Count(corpus.LeftOut), personal: d.Count(corpus.Personal), foreign: d.Count(corpus.Foreign)}
		if i%2 == 1 {
			want.mended = got.mended // rows that are there without an identity need none
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", d.Name, got, want)
		}
		sum.add(got)
	}
	t.Logf("project server: %s", sum)
	if n := sum.unaccounted(); n != 0 {
		t.Errorf("%d rows are unaccounted for", n)
	}
}

// An account server takes all of it, byte for byte. All directories are one account's: none
// of them gets what is another's.
func TestTheFieldIsAccountedForOnAccountServers(t *testing.T) {
	srv := newWatchedServer(t)
	u := newUser(t, srv.url, srv.token)
	home := t.TempDir()
	var sum figures
	for i, d := range field() {
		if !testing.Short() && i%4 != 3 {
			continue // a part of it will do: rows make no difference here
		}
		u.enter(d, home)
		u.settleDown(d, d.ForeignEntries == 0)
		files, err := os.ReadDir(filepath.Join(u.where, ".engram", "chunks"))
		if err != nil || len(files) != len(d.Chunks) {
			t.Errorf("%s: %d files for %d chunks: %v", d.Name, len(files), len(d.Chunks), err)
		}

		copied := filepath.Join(t.TempDir(), "copy")
		u.where = t.TempDir() // outside of the repository all of it comes
		u.run(0, "pull", "--dir", copied)
		var bodies [][]byte
		for _, c := range d.Chunks {
			text, err := readChunkFile(filepath.Join(copied, "chunks", c.Entry.ID.String()+".jsonl.gz"))
			if err != nil || !bytes.Equal(text, c.Text) {
				t.Errorf("%s: chunk %s came back otherwise: %v", d.Name, c.Entry.ID, err)
			}
			bodies = append(bodies, text)
		}
		there := arrivals(t, bodies)
		got := figures{in: len(d.Rows)}
		for _, r := range d.Rows {
			if there[r.Key] != 1 {
				t.Errorf("%s: row %q is there %d times", d.Name, r.Key, there[r.Key])
			}
			got.arrived += there[r.Key]
		}
		sum.add(got)
	}
	t.Logf("account server: %s", sum)
	if n := sum.unaccounted(); n != 0 {
		t.Errorf("%d rows are unaccounted for", n)
	}
}
