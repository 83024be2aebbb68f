package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// bothProtocols are the stories that have to be true on project servers too.
// Where what is right differs, they say so with [account] and [project].
var bothProtocols = []string{
	"damage", "directory", "hostile", "json_listing", "json_transfer", "leftovers", "lock", "manifests", "noserver",
	"partial", "refused", "roundtrip", "secrets", "select", "settle", "toolarge", "unbelieved",
}

// TestScriptsOnProjectServers tells the same stories again, with a project server
// in the place of each account server.
func TestScriptsOnProjectServers(t *testing.T) {
	params := scriptParams("")
	for _, name := range bothProtocols {
		params.Files = append(params.Files, filepath.Join("testdata", "script", name+".txtar"))
	}
	params.Condition = conditions("project")
	params.Setup = func(env *testscript.Env) error {
		env.Setenv("PROTOCOL", "project")
		env.Setenv("ENGRAM_SYNC_PROJECT", "repo")
		return setupStory(env)
	}
	testscript.Run(t, params)
}

// onReleases are the stories that have to be true on servers of later releases too, and
// laterReleases those releases: TestScripts tells all stories on 1.16.1. Where what is
// right differs, they say so with [1.x] and [3.x].
var (
	onReleases = []string{
		"project_push", "project_mended", "project_supplement", "project_leftout", "project_limit", "project_rows", "project_mutations",
		"project_mutations_db", "project_mutations_db_2x", "project_mutations_dryrun", "project_mutations_mended", "project_mutations_orphans", "project_mutations_rejected",
		"project_conflict", "project_grants", "project_near",
	}
	laterReleases = []projectserver.Release{projectserver.Release3, projectserver.Release120}
)

// TestScriptsOnLaterServers tells these stories on each of them.
func TestScriptsOnLaterServers(t *testing.T) {
	skipLong(t)
	for _, release := range laterReleases {
		t.Run(string(release), func(t *testing.T) {
			params := scriptParams("")
			for _, name := range onReleases {
				params.Files = append(params.Files, filepath.Join("testdata", "script", name+".txtar"))
			}
			params.Condition = conditions("account", release)
			params.Setup = func(env *testscript.Env) error {
				env.Setenv("RELEASE", string(release))
				return setupStory(env)
			}
			testscript.Run(t, params)
		})
	}
}

func cmdProjectServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 3 {
		ts.Fatalf("usage: projectserver NAME [BYTES [RELEASE]]")
	}
	opts := projectserver.Options{Token: args[0] + "-secret-token", Projects: []string{"repo", "other", "demo", "shop", "shop-old", "café", "alpha-bravo", "alpha_bravo", "alphabravo", "alpha-bravo-2", "tidewatch", "lanternfish"}}
	opts.Release = projectserver.Release(ts.Getenv("RELEASE"))
	if len(args) > 2 {
		opts.Release = projectserver.Release(args[2])
	}
	if len(args) > 1 && args[1] != "-" {
		var err error
		opts.MaxPushBytes, err = strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
	}
	startProjectServer(ts, args[0], opts)
}

func startProjectServer(ts *testscript.TestScript, name string, opts projectserver.Options) {
	srv := projectserver.New(opts)
	listenFor(ts, name, srv)
	ts.Setenv(name+"_TOKEN", opts.Token)
}

// cmdUpgrade starts a project server again as another release, over its data.
func cmdUpgrade(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: upgrade NAME RELEASE")
	}
	s := projectServerOf(ts, args[0])
	ts.Check(s.Upgrade(projectserver.Release(args[1])))
}

func projectServerOf(ts *testscript.TestScript, name string) *projectserver.Server {
	s, ok := serverOf(ts, name).handler.(*projectserver.Server)
	if !ok {
		ts.Fatalf("%s is no project server", name)
	}
	return s
}

func cmdPause(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || !slices.Contains([]string{"on", "off"}, args[2]) {
		ts.Fatalf("usage: pause NAME PROJECT on|off")
	}
	projectServerOf(ts, args[0]).Pause(args[1], args[2] == "on")
}

func cmdJournalRow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: journalrow NAME PROJECT ENTITY KEY")
	}
	payload := map[string]string{"id": args[3], "directory": "/w"}
	if args[2] == "observation" {
		payload = map[string]string{
			"sync_id": args[3], "session_id": "s", "type": "t", "title": "T", "content": "C", "scope": "project",
		}
	}
	body, err := json.Marshal(map[string]any{"entries": []any{map[string]any{
		"project": args[1], "entity": args[2], "entity_key": args[3], "op": "upsert", "payload": payload,
	}}})
	ts.Check(err)
	req, err := http.NewRequest(http.MethodPost, ts.Getenv(args[0]+"_URL")+"/sync/mutations/push", bytes.NewReader(body)) //nolint:noctx // a test
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+ts.Getenv(args[0]+"_TOKEN"))
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	ts.Check(err)
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("%s", fmt.Sprintf("%s: %s", resp.Status, strings.TrimSpace(string(text))))
	}
}

// cmdNoRowTwice looks whether the chunks of a project server hold so many memories,
// and no row twice. A session may be there again once it has ended.
func cmdNoRowTwice(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: norowtwice NAME PROJECT MEMORIES")
	}
	seen := map[recognition.Signature]bool{}
	memories := 0
	for _, text := range projectServerOf(ts, args[0]).Bodies(args[1]) {
		rows, err := recognition.ReadSignatures(bytes.NewReader(text))
		ts.Check(err)
		for _, v := range rows {
			if seen[v] {
				ts.Fatalf("a row is there twice: %s", text)
			}
			seen[v] = true
			if v.Kind == engram.ObservationRow {
				memories++
			}
		}
	}
	if strconv.Itoa(memories) != args[2] {
		ts.Fatalf("%d memories are there", memories)
	}
}
