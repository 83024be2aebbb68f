package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// chunkDirsBelow are the directories with chunks/ in them.
func chunkDirsBelow(t *testing.T, root string) (dirs []string) {
	t.Helper()
	for _, pattern := range []string{"*", "*/*", "*/*/*", "*/*/*/*"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern), "chunks"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	return dirs
}

// Every chunk of every directory that releases of engram and the field have left can be shown and listed, and what is in it is
// found. No control character leaves, whatever they hold.
func TestLookIntoRealChunks(t *testing.T) {
	t.Parallel()
	u := newUser(t, "", "")
	dirs := chunkDirsBelow(t, filepath.Dir(filepath.Dir(fixtures.ChunkDir("1.9.4"))))
	if len(dirs) < 10 {
		t.Fatalf("found %d directories: are they there?", len(dirs))
	}
	inert := func(args []string, text string) {
		t.Helper()
		if safetext.Escape(text) != text {
			t.Errorf("%v printed %q", args, text)
		}
	}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "chunks", "*.gz"))
		if err != nil {
			t.Fatal(err)
		}
		out, _ := u.exits(0, 7, append([]string{"show"}, files...)...)
		inert(files, out)
		out, _ = u.exits(0, 7, "log", "--limit", "0", "--dir", dir)
		inert([]string{"log", dir}, out)
		out, _ = u.exits(0, 7, "log", "--limit", "0", "--json", "--dir", dir)
		var log struct {
			Chunks []struct {
				Readable bool
				Rows     []struct{ Kind, ID, Title, State string }
			}
		}
		if err := json.Unmarshal([]byte(out), &log); err != nil {
			t.Fatalf("%s: %v\n%s", dir, err, out)
		}
		looked := 0
		for _, c := range log.Chunks {
			for _, row := range c.Rows {
				words := strings.Fields(row.Title)
				if row.Kind != "observation" || row.State != "kept" || len(words) == 0 || looked == 1 { // one of each
					continue
				}
				looked++
				out, _ = u.exits(0, 7, "search", "--deleted", "--limit", "0", "--json", "--dir", dir, "--", `"`+strings.Join(words, " ")+`"`)
				if out == "" {
					continue // no word in it
				}
				var found struct{ Hits []struct{ ID string } }
				if err := json.Unmarshal([]byte(out), &found); err != nil {
					t.Fatalf("%s: %v", dir, err)
				}
				out, _ = u.exits(0, 7, "show", row.ID, "--dir", dir)
				if !strings.Contains(out, "History") {
					t.Errorf("%s: show %s has no history: %s", dir, row.ID, out)
				}
				inert([]string{"show", row.ID}, out)
			}
		}
	}
}

// exits runs a command line that ends with one of two codes, or with 2 and no output.
func (u *user) exits(one, other int, args ...string) (stdout, stderr string) {
	u.t.Helper()
	cmd := u.command(args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // its code says how it ended
	if code := cmd.ProcessState.ExitCode(); code != one && code != other && (code != 2 || out.Len() > 0) {
		u.t.Errorf("%v ended with %d: %s", args, code, errs.String())
	}
	return out.String(), errs.String()
}

// What a file that anybody wrote can hold: nothing of it is obeyed, and nothing takes for ever.
func TestLookIntoHostileChunks(t *testing.T) {
	skipLong(t)
	t.Parallel()
	u := newUser(t, "", "")
	dir := filepath.Join(u.where, ".engram")
	evil := "\x1b]0;owned\x07\x1b[2J\u202eabc\u009b31m\r\n\u2028::error::x\uFDD1"
	row := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	members := map[string]any{}
	for _, name := range []string{"sync_id", "session_id", "type", "title", "content", "project", "scope", "topic_key", "created_at", "updated_at", "tool_name"} {
		members[name] = evil + name
	}
	huge := map[string]any{"sync_id": "huge", "title": strings.Repeat("t", 100_000), "content": strings.Repeat("`*", 500_000), "type": "note"}
	session := map[string]any{"id": evil, "project": evil, "directory": evil, "started_at": evil, "summary": evil}
	relation := map[string]any{"entity": evil, "op": evil, "entity_key": evil, "payload": row(members), "project": evil}
	var ids []string
	for _, text := range []string{
		`{"sessions":[` + row(session) + `],"observations":[` + row(members) + `,` + row(huge) + `],"prompts":[` + row(members) + `],"mutations":[` + row(relation) + `]}`,
		`{"sessions":[null,{}],"observations":[null,{},` + strings.Repeat("{},", 10_000) + `{}],"mutations":[1,null,"x",{"payload":[[]]}]}`,
		`{"sessions":7}`, `{"observations":[3]}`, `{}`,
	} {
		id, err := storeChunk(dir, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := storeManifest(dir, ids); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(u.where, "other")
	members["content"] = "\n" + evil + "\n@@\n+x"
	for _, text := range []string{`{"observations":[` + row(members) + `,` + row(map[string]any{"sync_id": "huge", "title": "t", "content": strings.Repeat("`\n", 500_000)}) + `]}`} {
		id, err := storeChunk(other, []byte(text))
		if err == nil {
			err = storeManifest(other, []string{id})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"diff", other}, {"diff", other, "--oneline"}, {"diff", other, "--stat"}, {"diff", other, "--json"}, {"diff", ".", "dir:" + other},
		append([]string{"show"}, ids...), {"log"}, {"log", "--oneline"}, {"search", "abc"}, {"search", "abc", "--deleted", "--json"}, {"show", evil + "sync_id"},
		{"show", "huge"}, {"log", "--json"}, {"show", ids[0], "--json"}, {"show", "--textconv", filepath.Join(dir, "chunks", ids[0]+".jsonl.gz")},
	} {
		out, errs := u.exits(0, 7, append(args, "--dir", dir)...)
		if out == "" || safetext.Escape(out) != out || safetext.Escape(errs) != errs {
			t.Errorf("%.40q printed %.2000q, %.500q", args, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(u.home, ".cache", "engram-sync", "memories")); err != nil {
		t.Error(err)
	}
}
