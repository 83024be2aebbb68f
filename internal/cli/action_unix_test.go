//go:build unix

package cli

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestActionInstalls(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	result := j.act(0)
	j.wantOutputs(result, "version", "1.2.3")
	if asked := len(j.releases.asked); asked != 2 {
		t.Errorf("asked for %v, want the checksums and one archive", j.releases.asked)
	}

	// What the tool cache has of a named release is not asked for again; what is the latest may have changed.
	for _, version := range []string{"1.2.3", "v1.2.3"} {
		j.wantOutputs(j.act(0, "version", version), "version", "1.2.3")
	}
	j.act(0, "version", "latest")
	if asked := j.releases.asked[2:]; !slices.Equal(asked, []string{"/releases/latest/download/checksums.txt"}) {
		t.Errorf("asked again for %v", asked)
	}

	j.releases.release(t, "1.3.0-rc.1", j.argv)
	j.wantOutputs(j.act(0), "version", "1.3.0-rc.1")
	j.runner.OS, j.runner.Arch = "Windows", "ARM64"
	j.releases.release(t, "1.4.0", j.argv)
	j.act(0)
	if _, err := os.Stat(filepath.Join(j.runner.Temp, "tools", "engram-sync", "1.4.0", "windows_arm64", "engram-sync.exe")); err != nil {
		t.Error(err)
	}
}

func TestActionInstallsNothingElse(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	for _, test := range []struct {
		with []string
		want string
	}{
		{[]string{"version", "9.9.9"}, "there is no release 9.9.9 at " + j.releases.url},
		{[]string{"version", "1.2"}, "version is neither latest nor like 1.2.3: 1.2"},
		{[]string{"version", "../../x"}, "version is neither"},
		{[]string{"version", "1.2.3\n::set-output name=x::y"}, "version is neither latest nor like 1.2.3: 1.2.3\n::set-output"},
		{[]string{"version", "$(touch x)`id`"}, "version is neither"},
		{[]string{"releases", "file:///etc"}, "releases is no address"},
		{[]string{"releases", "https://127.0.0.1:1/releases"}, "cannot be reached"},
	} {
		j.wantError(j.act(2, test.with...), test.want)
	}
	archive := "/releases/download/v1.2.3/engram-sync_1.2.3_linux_amd64.tar.gz"
	good := j.releases.files[archive]
	j.releases.files[archive] = append(slices.Clone(good), 0)
	j.wantError(j.act(2), "has another SHA-256 than checksums.txt says")
	delete(j.releases.files, archive)
	j.wantError(j.act(2), "cannot download engram-sync_1.2.3_linux_amd64.tar.gz")
	sums := j.releases.files["/releases/latest/download/checksums.txt"]
	for _, broken := range []string{"", "<html>", string(sums) + string(sums), strings.ReplaceAll(string(sums), "1.2.3", "1.2.3/../../../x")} {
		j.releases.files["/releases/latest/download/checksums.txt"] = []byte(broken)
		j.wantError(j.act(2), "do not name one archive for linux_amd64")
	}
	j.runner.OS = "Haiku"
	j.wantError(j.act(2), "no release of engram-sync for a runner of Haiku on X64")
	if _, err := os.Stat(filepath.Join(j.runner.Temp, "tools")); err == nil {
		t.Error("something is in the tool cache")
	}
}

func TestActionMovesMemories(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	checked := j.act(10, "command", "check")
	j.wantOutputs(checked, "exit-code", "10", "pending", "3", "failed", "0")
	j.wantError(checked, "not on the server: 3")

	pushed := j.act(0, "command", "push", "args", " --concurrency 2\n--verify ")
	j.wantOutputs(pushed, "exit-code", "0", "pushed", "3", "pulled", "0", "pending", "0", "failed", "0")
	for _, row := range []string{"### engram-sync push: done", "| pushed | 3 |", "| `repo` | 3 | 15 | 3 | 0 |"} {
		if !strings.Contains(pushed.Summary, row+"\n") {
			t.Errorf("the summary lacks %q:\n%s", row, pushed.Summary)
		}
	}
	if again := j.act(0, "command", "push"); !strings.Contains(again.Summary, "There was nothing to do.\n") || strings.Contains(again.Summary, "|") {
		t.Errorf("the summary of a push with nothing to do:\n%s", again.Summary)
	}
	if strings.Contains(pushed.Summary, "Decision") {
		t.Errorf("nobody asked for titles:\n%s", pushed.Summary)
	}
	j.wantOutputs(j.act(0, "command", "check"), "exit-code", "0", "pending", "0", "failed", "0")

	// Another checkout, below the top of its repository.
	below := filepath.Join(j.runner.Workspace, "service")
	if err := os.MkdirAll(filepath.Join(below, ".engram"), 0o755); err != nil {
		t.Fatal(err)
	}
	pulled := j.act(0, "command", "pull", "directory", "service", "args", "--dir .engram", "summary", "titles")
	j.wantOutputs(pulled, "pulled", "3", "pushed", "0")
	if !strings.Contains(pulled.Summary, "- `Decision b.3.1 ·b·&`\n") {
		t.Errorf("the summary has no titles:\n%s", pulled.Summary)
	}
	if quiet := j.act(0, "command", "sync", "summary", "none"); quiet.Summary != "" {
		t.Errorf("nobody asked for a summary:\n%s", quiet.Summary)
	}
	if document, err := os.ReadFile(pulled.Outputs["it"]["json"]); err != nil || !bytes.Contains(document, []byte(`"moved":[{`)) {
		t.Errorf("the output json: %v: %s", err, document)
	}
}

func TestActionAnnotatesDamage(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	files, err := filepath.Glob(filepath.Join(j.dir, "chunks", "*.gz"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 100); err != nil {
		t.Fatal(err)
	}
	file := ".engram/chunks/" + filepath.Base(files[0])
	for _, command := range []string{"verify", "push"} {
		result := j.act(7, "command", command)
		j.wantOutputs(result, "exit-code", "7", "failed", "1")
		j.wantError(result, "is damaged: its file is cut short")
		if at := result.Commands()[0].Properties["file"]; at != file {
			t.Errorf("%s is annotated at %q, want %s", command, at, file)
		}
	}
	j.wantOutputs(j.act(7, "command", "check"), "exit-code", "7", "failed", "1", "pending", "1")
	j.runner.Secrets["ENGRAM_SYNC_TOKEN"] = "no-token"
	j.wantError(j.act(4, "command", "pull"), "ENGRAM_SYNC_TOKEN holds a token that is not good here")
	j.wantError(j.act(2, "command", "pull --force"), "command is none of")
	j.wantError(j.act(2, "command", "pull", "summary", "all"), "summary is none of")
	j.wantError(j.act(2, "command", "pull", "directory", "gone\n::debug::x"), "there is no directory gone\n::debug::x")

	// A runner without jq says so before anything is done.
	tools := t.TempDir()
	for _, tool := range []string{"bash", "curl", "tar", "gzip", "mktemp", "rm", "mv", "mkdir", "grep", "cut", "sha256sum", "shasum", "dirname", "sh"} {
		if path, err := exec.LookPath(tool); err == nil {
			if err := os.Symlink(path, filepath.Join(tools, tool)); err != nil {
				t.Fatal(err)
			}
		}
	}
	j.runner.Path = tools
	j.wantError(j.act(2, "command", "pull"), "jq is missing on this runner")
}

// Everything that a stranger can write into a chunk, a manifest or an answer stays text.
func TestActionObeysNobodyElse(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	const evil = "::add-mask::x\n::set-env name=A::b ##[add-path]/evil `|<img src=x>[a](b) $(touch evil)"
	quoted := strings.NewReplacer("\n", `\n`, `"`, `\"`).Replace(evil)
	content := fmt.Sprintf(`{"sessions":[{"id":"s","project":"%[1]s","directory":"/w","started_at":"2026-11-22 09:15:09"}],`+
		`"observations":[{"id":1,"sync_id":"obs-1","session_id":"s","type":"decision","title":"%[1]s","content":"c","project":"%[1]s","scope":"project","created_at":"2026-11-22 09:15:04","updated_at":"2026-11-22 09:15:04"}],"prompts":[]}`, quoted)
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))[:8]
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"chunks/" + id + ".jsonl.gz": packed.String(),
		"manifest.json": fmt.Sprintf(`{"version":1,"chunks":[{"id":"%s","created_by":"%[2]s","created_at":"2026-11-22T09:15:00Z","sessions":1,"memories":1,"prompts":0},`+
			`{"id":"%[2]s","created_by":"%[2]s","created_at":"2026-11-22T09:15:00Z","sessions":1,"memories":1,"prompts":0}]}`, id, quoted),
	} {
		if err := os.WriteFile(filepath.Join(j.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{"verify", "check", "push", "sync"} {
		result := j.act(anyCode, "command", command, "summary", "titles")
		if len(result.Commands()) == 0 || strings.ContainsAny(result.Summary, "<>[]") || strings.Contains(result.Summary, "\n::") {
			t.Errorf("%s: %s\n%s", command, result.Log, result.Summary)
		}
	}
	j.server.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"error":"%s"}`, quoted)
	})
	j.act(6, "command", "pull")
	if _, err := os.Stat(filepath.Join(j.runner.Workspace, "evil")); err == nil {
		t.Error("a title was run")
	}
}
