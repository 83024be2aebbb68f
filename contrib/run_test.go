package contrib

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/engram-sync/engram-sync/internal/cli"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"engram-sync": func() { os.Exit(cli.Run(context.Background(), "dev", os.Exit)) }})
}

// TestTheLinesRun runs what cron's successors are told to run, with a project, a server and a token of their own: one
// machine syncs its project, and another one copies what the server has.
func TestTheLinesRun(t *testing.T) {
	url, token := accountServer(t)
	home, project := t.TempDir(), filepath.Join(t.TempDir(), "a project")
	tokenFile := filepath.Join(home, "token")
	write(t, tokenFile, token+"\n")
	copyTree(t, fixtures.ChunkDir("1.9.4"), filepath.Join(project, ".engram"))
	copyTree(t, filepath.Dir(fixtures.Database("1.9.4")), filepath.Join(home, ".engram"))
	ana := []string{"HOME=" + home, "ENGRAM_SYNC_REMOTE=" + url, "ENGRAM_SYNC_TOKEN_FILE=" + tokenFile}

	unit := read(t, filepath.Join("systemd", "user", "engram-sync@.service"))
	lines := [][]string{plistStrings(t, read(t, files(t, "launchd", "*.plist")[0])), taskWords(t, read(t, files(t, "windows", "*.xml")[0]))}
	for _, line := range unitValues(unit, "ExecStart") {
		lines = append(lines, strings.Fields(line))
	}
	for _, words := range lines {
		at := slices.Index(words, "--directory")
		if at < 0 {
			t.Fatalf("%q names no project", words)
		}
		words[at+1] = project
		run(t, home, ana, words)
	}

	unit = read(t, filepath.Join("systemd", "system", "engram-sync-backup@.service"))
	state := t.TempDir()
	fill := strings.NewReplacer("%d", home, "%S", state, "%i", "work", "${ENGRAM_SYNC_REMOTE}", url)
	where := fill.Replace(unitValues(unit, "WorkingDirectory")[0])
	if err := os.MkdirAll(where, 0o700); err != nil {
		t.Fatal(err)
	}
	env := []string{"ENGRAM_SYNC_REMOTE=" + url} // from the environment file
	for _, pair := range unitValues(unit, "Environment") {
		env = append(env, fill.Replace(pair))
	}
	for _, line := range unitValues(unit, "ExecStart") {
		run(t, where, env, strings.Fields(fill.Replace(line)))
	}
	for _, path := range files(t, project, ".engram", "chunks", "*") {
		if read(t, path) != read(t, filepath.Join(where, "engram", "chunks", filepath.Base(path))) {
			t.Errorf("the copy of %s is another", filepath.Base(path))
		}
	}
}

// run runs one line to its good and silent end. The program is the one under test, wherever the line has it.
func run(t *testing.T, dir string, env, words []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "engram-sync", words[1:]...)
	cmd.Dir, cmd.Env = dir, append([]string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "GORACE=atexit_sleep_ms=0"}, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || out.Len() > 0 {
		t.Errorf("%q: %v\n%s", words, err, out.String())
	}
}

// unitValues are the values of a key of a unit.
func unitValues(unit, key string) (values []string) {
	for line := range strings.Lines(unit) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			values = append(values, value)
		}
	}
	return values
}

// plistStrings are the strings of a property list's only array.
func plistStrings(t *testing.T, text string) []string {
	t.Helper()
	var list struct {
		Words []string `xml:"dict>array>string"`
	}
	if err := xml.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	return list.Words
}

// taskWords are the words of a task's only command, where no word has a blank but the quoted one.
func taskWords(t *testing.T, text string) []string {
	t.Helper()
	var task struct {
		Command   string `xml:"Actions>Exec>Command"`
		Arguments string `xml:"Actions>Exec>Arguments"`
	}
	if err := xml.Unmarshal([]byte(text), &task); err != nil {
		t.Fatal(err)
	}
	return append([]string{task.Command}, strings.Fields(task.Arguments)...)
}

func accountServer(t *testing.T) (url, token string) {
	t.Helper()
	srv, err := server.Open(t.Context(), server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(srv.Handler())
	t.Cleanup(func() {
		listener.Close()
		_ = srv.Close()
	})
	reply := wiretest.Ask(t, listener.Client(), "", "POST", listener.URL+"/auth/register",
		strings.NewReader(`{"username":"ana","email":"ana@example.com","password":"correct horse"}`))
	var account struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(reply.Body), &account); err != nil || account.AccessToken == "" {
		t.Fatalf("register: %d %s", reply.Status, reply.Body)
	}
	return listener.URL, account.AccessToken
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
