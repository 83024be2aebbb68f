package cli

import (
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/pages"
)

// ground is what an example stands on, unless examples says otherwise.
const ground = `$ cd $HOME; rm -rf tidewatch; repository tidewatch
$ export ENGRAM_SYNC_TOKEN=$ANA_TOKEN ENGRAM_SYNC_REMOTE=https://engram.example.com`

// withDatabase is where engram has memories too.
const withDatabase = ground + "\n$ database"

// withOther is the ground with the chunks that engram 1.9.4 has written.
const withOther = ground + "\n$ rm -r .engram; cp -R $FIXTURES/engram-1.9.4/.engram .; git add -A; for i in 1 2 3 4; do git commit -qm c --allow-empty; done"

// withRemote knows the remote work too.
const withRemote = ground + "\n$ engram-sync config set remotes.work.url https://engram.example.com; engram-sync push --quiet"

// examples say, by command, what the test does before its examples, as the pages say it (internal/testkit/pages).
var examples = map[string]string{
	"auth api-key create":  "skip: --store needs a login; the story auth_apikey has one",
	"auth logout":          withRemote,
	"logout":               withRemote,
	"trust":                ground + "\n$ mkdir ../cloned && git -C ../cloned init -q",
	"auth login":           "skip: it needs a keyring; the stories of signing in have one",
	"login":                "skip: it needs a keyring; the stories of signing in have one",
	"auth register":        "skip: it asks for a password twice; TestRegisterAtATerminal types them",
	"auth passwd":          "skip: it ends with the logins of this machine; the stories of signing in run it",
	"auth refresh":         "skip: there is no login without a keyring; the stories of signing in have one",
	"auth token":           "skip: it hands a token to curl",
	"config import-engram": "skip: engram's own settings are none of these; the story auth_import has them",
	"config set":           ground,
	"config unset":         "$ engram-sync config set remotes.work.url https://engram.example.com; engram-sync config set remotes.work.project x",
	"diff":                 withRemote + "\n$ database; git add -A; for i in 1 2 3 4; do git commit -qm c --allow-empty; done; git branch -M main",
	"browse":               "skip: it stays; TestBrowse opens it",
	"export":               withDatabase + "\n$ mkdir -p /backup",
	"mutations push":       withDatabase + "\n$ mkdir backup; cp $HOME/.engram/engram.db backup; " + `echo '{"entity":"session","entity_key":"s","op":"upsert","payload":{"id":"s","project":"tidewatch","directory":"/"}}' > changes.jsonl`,
	"mutations pull":       "skip: --follow stays; TestFollowedJournal follows",
	"pull":                 ground + "\n$ engram-sync push --quiet",
	"push":                 withOther,
	"redact":               ground + "\n$ echo some-password > password-file",
	"search":               withRemote,
	"serve":                "skip: it stays; the pages start it",
	"serve restore":        "$ mkdir -p /backup; engram-sync serve backup --data /srv/engram /backup/engram-2026-11-23.db",
	"serve backup":         "$ mkdir -p /backup",
	"serve user add":       "skip: it asks for a password; the story serveadmin_users gives it",
	"serve user passwd":    "skip: it asks for a password; the story serveadmin_users gives it",
	"serve migrate":        "skip: it needs PostgreSQL; the story serve_migrate has one",
	"show":                 withOther,
	"sync":                 "skip: --watch stays; TestWatched watches",
	"verify":               withRemote,
}

// makeServer makes the data of an account server, with the account ana.
func makeServer(t *testing.T, dir string) {
	t.Helper()
	srv, err := server.Open(t.Context(), server.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(srv.Handler())
	_, err = registerUser(listener.URL, "ana")
	listener.Close()
	if err := errors.Join(err, srv.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestExamples runs the examples that the help of the commands has, each command's in a home of its own.
func TestExamples(t *testing.T) {
	skipLong(t)
	fixtures, err := filepath.Abs(filepath.Join("..", "..", "testdata", "fixtures"))
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		for _, below := range cmd.Commands() {
			each(below)
		}
		if !cmd.Runnable() || cmd.Hidden || cmd.HasSubCommands() && cmd.Example == "" || cmd.HasParent() && cmd.Parent().Name() == "completion" {
			return
		}
		path := strings.TrimPrefix(cmd.CommandPath(), "engram-sync ")
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			if cmd.Example == "" {
				t.Fatal("its help has no example")
			}
			before, special := examples[path]
			if !special {
				before = ground
			}
			text := "<!-- test:\n" + before + "\n-->\n```sh\n" + cmd.Example + "\n```\n"
			blocks, err := pages.Blocks("the help of "+path, text)
			if err != nil {
				t.Fatal(err)
			}
			shell := newPageShell(t, fixtures)
			if strings.HasPrefix(path, "serve ") {
				makeServer(t, filepath.Join(shell.Root, "srv", "engram"))
			}
			result, err := shell.Play(t.Context(), blocks[0])
			if err != nil {
				t.Error(err)
			}
			if result == pages.Skipped {
				t.Skip(blocks[0].Note.Skip)
			}
		})
	}
	each(Command())
}
