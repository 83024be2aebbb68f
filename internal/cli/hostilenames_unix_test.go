//go:build unix

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// hostileName is a name that nobody typed. It turns a terminal red, and into another
// mode, has its own title, and would have a line of its own.
const (
	forged      = "error: forged line"
	hostileName = "x\x1b[31m\u009b2J\x1b]0;t\x07\u202e\u2066\r\n" + forged + "\t\u2028\x7f\u200b"
)

// TestHostileNamesReachNoTerminal gives that name to whatever has one that others
// choose (files, directories, members of the manifest, rows, projects, lines of
// git's files, a server's words), and runs every command there in every voice.
func TestHostileNamesReachNoTerminal(t *testing.T) {
	skipLong(t)
	t.Parallel()
	handler := projectserver.New(projectserver.Options{Token: "secret-token", Projects: []string{"*"}})
	s := watched(t, hostileAnswers(handler), "secret-token")
	u := newUser(t, s.url, s.token)
	u.where = filepath.Join(u.where, "re\x1b[31m\u202epo\n"+forged)
	plantHostileNames(t, u)
	shown, tried := 0, 0
	try := func(line string) {
		tried++
		for _, voice := range []string{"", "-v", "--json", "-v --log-format json", "-v --log-format github"} {
			told := u.toldOf(append(strings.Split(strings.ReplaceAll(line, "TheServer", s.url), " "), strings.Fields(voice)...))
			if strings.Contains(told, "forged line") {
				shown++
			}
			if safe := safetext.Escape(told); safe != told || !utf8.ValidString(told) {
				t.Errorf("%s %s: %q", line, voice, told)
			}
			for at := range strings.Lines(told) {
				if strings.HasPrefix(at, forged) {
					t.Errorf("%s %s: a name has a line of its own:\n%s", line, voice, told)
				}
				if voice == "--json" && !json.Valid([]byte(at)) && !strings.HasPrefix(line, "help") {
					t.Errorf("%s %s: no JSON: %q", line, voice, at)
				}
			}
		}
	}
	for _, line := range []string{
		"push --project repo", "push -n --include-personal --project repo", "push", "pull --project repo", "sync --project repo", "status", "status --remote embedded", "manifest --project repo", "manifest --local",
		"verify", "verify --remote TheServer", "verify --repair -n", "verify --repair", "export -n", "export --all-projects -n", "export --project repo", "mutations push rows.jsonl --project repo", "mutations push rows.jsonl",
		"mutations push --db engram.db --project repo", "mutations push -n --db engram.db", "mutations pull -o out.jsonl --project repo", "mutations pull", "merge-driver --install", "merge-driver --install", "merge-driver --uninstall",
		"merge-driver one two three", "config list", "config path", "config get project", "config get remote", "auth status", "auth refresh", "auth token", "auth api-key create", "auth api-key revoke", "login --token-stdin", "logout",
		"config import-engram", "doctor", "doctor --bundle report.txt", "trust", "trust --list", "trust --revoke", "version", "serve user list --data srv", "serve user add x y --password-stdin --data srv", "serve backup b --data srv", "serve restore b --data srv",
		"push --remote embedded:srv", "pull --remote embedded:srv", "push --dir nowhere\x1b[31m", "push --remote \x1b[31m", "\x1b[31m", "--\x1b[31m", "push \x1b[31m", "help \x1b[31m",
	} {
		try(line)
	}
	// what a file of the repository chooses, and what is wrong with that file
	for path, texts := range map[string][]string{
		".engram/config.json": {`{"project_name":"a\u202eb\u2066"}`, `{"project_name":"` + "a\u009b\u200bb" + `"}`, "\x1b[31m", `{"project_name":"\u001b[31m"}`},
		".engram-sync.yaml":   {"project: \"a\\u202eb\"\n", "project: \"\\e[31m\\n" + forged + "\"\n", "\x1b[31m: 1\n", "\"\\e[31m\": 1\n", "remote: \"\\e[31m\"\n"},
	} {
		for _, text := range texts {
			if err := os.WriteFile(filepath.Join(u.where, path), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, line := range []string{"push", "status", "trust", "trust --list", "doctor", "mutations pull -o out.jsonl", "config list"} {
				try(line)
			}
		}
		if err := os.Remove(filepath.Join(u.where, path)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d outputs showed a hostile name", shown)
	if shown < tried/2 {
		t.Errorf("only %d outputs showed a hostile name: the others cannot be told to be safe", shown)
	}
	if report, err := os.ReadFile(filepath.Join(u.where, "report.txt")); err != nil || safetext.Escape(string(report)) != string(report) {
		t.Errorf("the report: %v, %q", err, report)
	}
}

// toldOf is what a command says, whatever its code.
func (u *user) toldOf(words []string) string {
	cmd := u.command(words...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Stdin = &out, &out, strings.NewReader("a password of a kind")
	_ = cmd.Run() // most of them fail
	return out.String()
}

// hostileAnswers gives every second kind of request a refusal in hostile words.
func hostileAnswers(next http.Handler) http.Handler {
	words, _ := json.Marshal(hostileName)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/auth/"), chunkRequest(r), r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/mutations/push"):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `{"error":%s,"error_class":"policy","error_code":%s}`, words, words)
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/mutations/pull"):
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"mutations":[{"seq":1,"project":%[1]s,"entity":%[1]s,"entity_key":%[1]s,"op":%[1]s,"payload":{},"occurred_at":%[1]s}],"has_more":false,"latest_seq":1}`, words)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// plantHostileNames makes a work tree of somebody who means no good.
func plantHostileNames(t *testing.T, u *user) {
	t.Helper()
	name, err := json.Marshal(hostileName)
	if err != nil {
		t.Fatal(err)
	}
	in := func(names ...string) string { return filepath.Join(append([]string{u.where}, names...)...) }
	content := fmt.Appendf(nil, `{"sessions":[{"id":%[1]s,"project":%[1]s,"directory":%[1]s,"started_at":%[1]s}],"observations":[{"id":1,"sync_id":%[1]s,"session_id":%[1]s,"type":%[1]s,`+
		`"title":%[1]s,"content":"","project":"repo","scope":%[1]s,"created_at":%[1]s,"updated_at":%[1]s}],"prompts":null,"mutations":[{"entity":%[1]s,"entity_key":%[1]s,"op":%[1]s,"payload":%[1]s}]}`, name)
	id, err := storeChunk(in(".engram"), content)
	entry := fmt.Sprintf(`{"id":"%s","created_by":%[2]s,"created_at":%[2]s,"sessions":1,"memories":1,"prompts":0}`, id, name)
	good := fmt.Sprintf(`{"id":"%s","created_by":%s,"created_at":"2026-11-22T09:00:00Z","sessions":1,"memories":1,"prompts":0}`, "0123abcd", name)
	odd := fmt.Sprintf(`{"id":%[1]s,"created_by":%[1]s,"created_at":%[1]s,"sessions":1,"memories":1,"prompts":0}`, name)
	write := func(path, text string) {
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
	}
	write(in(".engram", "manifest.json"), `{"version":1,"chunks":[`+entry+","+good+","+odd+`]}`)
	write(in(".engram", "chunks", "y\x1b[31m\u202e\n"+forged+".jsonl.gz"), "no chunk")
	write(in(".engram", "chunks", "deadbeef.jsonl.gz"), "no chunk")
	write(in(".engram", "stray\x1b[31m\n"+forged), "stray")
	write(in(".gitattributes"), ".engram/manifest.json merge=\x1b[31m\u202eunion text\x1b]0;t\x07\n")
	write(in(".git", "config"), "[core]\n\trepositoryformatversion = 0\n[remote \"origin\"]\n\turl = https://h/x\x1b[31m\u202ey.git\n")
	write(in(".git", "HEAD"), "ref: refs/heads/\x1b[31m\n")
	write(in("rows.jsonl"), fmt.Sprintf(`{"entity":%[1]s,"entity_key":%[1]s,"op":%[1]s,"payload":%[1]s}`+"\n"+
		`{"entity":"session","entity_key":%[1]s,"op":"upsert","payload":{"id":%[1]s,"project":%[1]s,"directory":"/w"}}`+"\n"+
		`{"entity":"observation","entity_key":%[1]s,"op":"upsert","payload":{"sync_id":%[1]s,"session_id":%[1]s,"title":%[1]s,"content":"","type":"n","project":"repo","scope":"project"}}`+"\n\x1b[31m\n", name))
	for _, where := range []string{in(), filepath.Join(u.getenv("HOME"), ".engram")} {
		database, readErr := os.ReadFile(fixtures.Database("1.20"))
		err = errors.Join(err, readErr)
		write(filepath.Join(where, "engram.db"), string(database))
	}
	write(filepath.Join(u.getenv("HOME"), ".engram", "cloud.json"), `{"server_url":"http://127.0.0.1:1/`+"\x7f"+`","token":`+string(name)+`}`)
	if err != nil {
		t.Fatal(err)
	}
	set := strings.ReplaceAll("'"+hostileName+"'", "\x00", "")
	for _, statement := range []string{
		"UPDATE observations SET title=" + set + ", project=" + set + ", type=" + set, "UPDATE sessions SET project=" + set + ", directory=" + set,
	} {
		if err := execSQL(t.Context(), filepath.Join(u.getenv("HOME"), ".engram"), statement); err != nil {
			t.Fatal(err)
		}
		if err := execSQL(t.Context(), u.where, statement); err != nil {
			t.Fatal(err)
		}
	}
}
