package cli

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
)

// crashStories are the commands that write, each in a small world.
func crashStories() []crashStory {
	nothing := func(*crashCell) {}
	whole := func(c *crashCell) { c.chunksWhole() }
	return []crashStory{
		{
			name: "push", args: []string{"push", "--dir", ".engram", "-j", "2"},
			begin: func(c *crashCell) { makeChunks(c.t, c.file(".engram"), 3, 2000); c.want = c.chunksWhole() },
			whole: whole,
			done: func(c *crashCell) {
				c.chunksAre(c.want)
				if got := len(c.s.accepted()); got != 3 {
					c.t.Errorf("the server has %d chunks", got)
				}
			},
		},
		{
			name: "pull", args: []string{"pull", "--dir", ".engram", "-j", "2"},
			begin: func(c *crashCell) { c.onServer(3) },
			whole: whole,
			done:  func(c *crashCell) { c.chunksAre(c.want) },
		},
		{
			name: "sync", args: []string{"sync", "--dir", ".engram", "-j", "2"},
			begin: func(c *crashCell) {
				c.onServer(2)
				makeChunks(c.t, c.file(".engram"), 3, 3000)
				for id, text := range c.chunksWhole() {
					c.want.(map[string]string)[id] = text
				}
			},
			whole: whole,
			done:  func(c *crashCell) { c.chunksAre(c.want) },
		},
		{
			name: "push --remote embedded", args: []string{"push", "--dir", ".engram", "--remote", "embedded:vault", "--init", "-j", "2"},
			begin: func(c *crashCell) { makeChunks(c.t, c.file(".engram"), 3, 2000); c.want = c.chunksWhole() },
			whole: whole,
			done: func(c *crashCell) {
				c.chunksAre(c.want)
				out, _ := c.run(0, "verify", "--dir", ".engram", "--remote", "embedded:vault")
				wantLine(c.t, out, "0 damaged or missing, 0 warnings")
				out, _ = c.run(0, "manifest", "--remote", "embedded:vault", "--json")
				if got := strings.Count(out, `"created_at"`); got != 3 {
					c.t.Errorf("the vault has %d chunks", got)
				}
			},
		},
		{
			name: "search", args: []string{"search", "--dir", ".engram", "chunk"},
			begin: func(c *crashCell) { makeChunks(c.t, c.file(".engram"), 3, 2000); c.want = c.chunksWhole() },
			whole: whole,
			done: func(c *crashCell) { // the index is as good as one that nothing happened to
				c.chunksAre(c.want)
				out, _ := c.run(0, "log", "--dir", ".engram", "--json")
				if got := strings.Count(out, `"readable":true`); got != 3 {
					c.t.Errorf("%d chunks can be read: %s", got, out)
				}
			},
		},
		{
			name: "export", args: []string{"export", "--dir", ".engram", "--project", "repo"},
			begin: func(c *crashCell) {
				c.env = append(c.env, "ENGRAM_DATA_DIR="+c.file("data"))
				if err := copyDatabase("1.9.4", c.file("data")); err != nil {
					c.t.Fatal(err)
				}
				if err := os.Mkdir(c.file(".engram"), 0o755); err != nil {
					c.t.Fatal(err)
				}
			},
			whole: whole,
			done: func(c *crashCell) {
				c.run(0, "export", "--dir", ".engram", "--project", "repo", "--dry-run", "--exit-code")
				c.run(0, "verify", "--dir", ".engram")
				if left := leftovers(c.t, c.file(".engram")); len(left) > 0 {
					c.t.Errorf("left behind: %v", left)
				}
			},
		},
		{
			name: "verify --repair", args: []string{"verify", "--repair", "--dir", ".engram"},
			begin: func(c *crashCell) { c.conflict(); c.want = []int{4} },
			whole: func(c *crashCell) { // the manifest is as it was, or mended
				text := []byte(c.read(".engram/manifest.json"))
				if _, err := merge.Recover(text); err != nil {
					c.t.Errorf("the manifest: %v", err)
				}
			},
			done: func(c *crashCell) {
				if got := len(c.chunksWhole()); got != 4 || len(listed(c.t, c.file(".engram"))) != 4 {
					c.t.Errorf("%d chunks", got)
				}
			},
		},
		{
			name: "redact", args: []string{"redact", "--dir", ".engram", "--pattern", "secret of [a-z]+"},
			begin: func(c *crashCell) {
				var ids []string
				want := map[string]string{}
				for _, name := range []string{"ana", "bo", "cleo"} {
					told := fmt.Sprintf(`{"sessions":[],"observations":[{"id":1,"sync_id":"o-%[1]s","session_id":"s","title":"t","content":"the secret of %[1]s"}],"prompts":[]}`, name)
					id, err := storeChunk(c.file(".engram"), []byte(told))
					if err != nil {
						c.t.Fatal(err)
					}
					ids = append(ids, id)
					told = strings.Replace(told, "secret of "+name, "[REDACTED]", 1)
					want[fmt.Sprintf("%.4x", sha256.Sum256([]byte(told)))] = told
				}
				if err := storeManifest(c.file(".engram"), ids); err != nil {
					c.t.Fatal(err)
				}
				c.want = want
			},
			whole: func(c *crashCell) { // each memory is in a chunk that is listed, as it was or without the secret
				contents := c.chunksWhole()
				told := ""
				for _, id := range listed(c.t, c.file(".engram")) {
					told += contents[id]
				}
				for _, name := range []string{"ana", "bo", "cleo"} {
					if n := strings.Count(told, `"o-`+name+`"`); n != 1 {
						c.t.Errorf("memory %s is there %d times", name, n)
					}
				}
			},
			done: func(c *crashCell) { c.chunksAre(c.want) },
		},
		{
			name: "merge-driver", args: []string{"merge-driver", "base", "ours", "theirs"},
			begin: func(c *crashCell) {
				const entry = `{"id":"ID","created_by":"vm","created_at":"2026-11-22T09:14:58Z","sessions":0,"memories":0,"prompts":0}`
				for name, ids := range map[string][]string{"base": {"00000001"}, "ours": {"00000001", "00000002"}, "theirs": {"00000001", "00000003"}} {
					var entries []string
					for _, id := range ids {
						entries = append(entries, strings.Replace(entry, "ID", id, 1))
					}
					c.write(name, `{"version":1,"chunks":[`+strings.Join(entries, ",")+`]}`+"\n")
				}
			},
			whole: func(c *crashCell) { c.entries("ours", 2, 3) },
			done:  func(c *crashCell) { c.entries("ours", 3, 3) },
		},
		{
			name: "mutations push", args: []string{"mutations", "push", "changes.jsonl"},
			begin: func(c *crashCell) { c.want = writeChanges(c.t, c.file("changes.jsonl"), 250) },
			whole: nothing,
			done: func(c *crashCell) {
				if got := c.journal(); !slices.Equal(got, c.want.([]string)) {
					c.t.Errorf("the journal has %d rows", len(got))
				}
			},
		},
		{
			name: "mutations pull", args: []string{"mutations", "pull", "--output", "journal.jsonl"},
			begin: func(c *crashCell) {
				c.want = writeChanges(c.t, c.file("changes.jsonl"), 250)
				other := newUser(c.t, c.s.url, c.s.token)
				other.run(0, "mutations", "push", c.file("changes.jsonl"))
			},
			whole: nothing,
			done: func(c *crashCell) {
				text := c.read("journal.jsonl")
				rows := 0
				for _, key := range c.want.([]string) {
					if n := strings.Count(text, `"entity_key":"`+key+`"`); n != 1 {
						c.t.Errorf("row %s is there %d times", key, n)
					}
					rows++
				}
				if got := strings.Count(text, "\n"); got != rows {
					c.t.Errorf("%d lines, want %d", got, rows)
				}
			},
		},
		{
			name: "login", args: []string{"login", "--token-stdin"},
			begin: func(c *crashCell) {
				c.stdin = c.s.token
				c.env = append(slices.DeleteFunc(c.env, func(pair string) bool { return strings.HasPrefix(pair, "ENGRAM_SYNC_TOKEN=") }), "ENGRAM_SYNC_CREDENTIAL_STORE=file")
			},
			whole: nothing,
			done:  func(c *crashCell) { c.run(0, "manifest") },
		},
		{
			name: "config set", args: []string{"config", "set", "retries", "5"},
			begin: func(c *crashCell) { c.run(0, "config", "set", "concurrency", "3") },
			whole: func(c *crashCell) { c.setting("concurrency", "3") },
			done:  func(c *crashCell) { c.setting("concurrency", "3"); c.setting("retries", "5") },
		},
		{
			name: "trust", args: []string{"trust"},
			begin: func(c *crashCell) {
				c.write(".git/config", "[remote \"origin\"]\n\turl = https://git.example/team/repo.git\n")
				c.write(".git/HEAD", "ref: refs/heads/main\n")
				c.write(".engram/config.json", `{"project_name":"theirs"}`)
			},
			whole: nothing,
			done: func(c *crashCell) {
				out, _ := c.run(0, "trust", "--list")
				wantLine(c.t, out, "theirs")
			},
		},
	}
}

// onServer puts n chunks on the server.
func (c *crashCell) onServer(n int) {
	c.t.Helper()
	dir := filepath.Join(c.t.TempDir(), ".engram")
	makeChunks(c.t, dir, n, 2000)
	c.want = contentsOf(c.t, dir)
	newUser(c.t, c.s.url, c.s.token).run(0, "push", "--dir", dir)
}

// conflict makes four chunks whose manifest has git's conflict markers.
func (c *crashCell) conflict() {
	c.t.Helper()
	makeChunks(c.t, c.file(".engram"), 4, 1000)
	m, err := engram.ParseManifest([]byte(c.read(".engram/manifest.json")))
	if err != nil {
		c.t.Fatal(err)
	}
	var ids []engram.ChunkID
	for _, e := range m.Entries() {
		ids = append(ids, e.ID)
	}
	ours, err := m.Without(ids[0])
	if err != nil {
		c.t.Fatal(err)
	}
	theirs, err := m.Without(ids[1], ids[2])
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(".engram/manifest.json", string(merge.WholeConflict(ours.Bytes(), theirs.Bytes())))
}

// entries checks that a manifest is whole, and has one of these numbers of entries.
func (c *crashCell) entries(name string, want ...int) {
	c.t.Helper()
	m, err := engram.ParseManifest([]byte(c.read(name)))
	if err != nil || !slices.Contains(want, len(m.Entries())) {
		c.t.Errorf("%s: %v, %s", name, err, c.read(name))
	}
}

func (c *crashCell) setting(key, want string) {
	c.t.Helper()
	out, _ := c.run(0, "config", "get", key)
	wantLine(c.t, out, want)
}
