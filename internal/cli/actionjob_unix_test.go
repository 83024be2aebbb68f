//go:build unix

package cli

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/actions"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// actionTools are what the scripts of the action need of a runner. Where one is missing the tests are skipped,
// unless ENGRAM_SYNC_TEST_ACTION says that they must run.
var actionTools = []string{"bash", "curl", "jq", "tar", "unzip", "gzip"}

// releasePage is where releases are found, with what was asked of it.
type releasePage struct {
	url   string
	mu    sync.Mutex
	files map[string][]byte
	asked []string
}

func (p *releasePage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r.URL.Path)
	file, ok := p.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(file)
}

// release puts a release there whose program is this one, and writes down its arguments.
func (p *releasePage) release(t *testing.T, version, argv string) {
	t.Helper()
	program, err := exec.LookPath("engram-sync")
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$*\" >>'%s'\nexec '%s' \"$@\"\n", argv, program)
	var unix, windows bytes.Buffer
	packed := gzip.NewWriter(&unix)
	archive := tar.NewWriter(packed)
	zipped := zip.NewWriter(&windows)
	inZip, err := zipped.CreateHeader(windowsHeader())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error {
			return archive.WriteHeader(&tar.Header{Name: "engram-sync", Mode: 0o755, Size: int64(len(script))})
		},
		func() error { _, err := archive.Write([]byte(script)); return err },
		archive.Close, packed.Close,
		func() error { _, err := inZip.Write([]byte(script)); return err },
		zipped.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	var sums strings.Builder
	for name, content := range map[string][]byte{"linux_amd64.tar.gz": unix.Bytes(), "windows_arm64.zip": windows.Bytes()} {
		name = "engram-sync_" + version + "_" + name
		p.files["/releases/download/v"+version+"/"+name] = content
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), name)
	}
	p.files["/releases/download/v"+version+"/checksums.txt"] = []byte(sums.String())
	p.files["/releases/latest/download/checksums.txt"] = []byte(sums.String())
}

func windowsHeader() *zip.FileHeader {
	header := &zip.FileHeader{Name: "engram-sync.exe"}
	header.SetMode(0o755)
	return header
}

const anyCode = -1

// job is a job of a CI system for a repository with memories, on a runner that has the tools.
type job struct {
	t        *testing.T
	runner   *actions.Runner
	releases *releasePage
	server   *watchedServer
	dir      string // .engram
	argv     string // the file in which the program's arguments are written down
}

func newJob(t *testing.T) *job {
	t.Helper()
	if testing.Short() {
		t.Skip("an installation for each test")
	}
	for _, tool := range actionTools {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("ENGRAM_SYNC_TEST_ACTION") == "" {
			t.Skipf("%s is missing here", tool)
		}
	}
	top, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	j := &job{t: t, releases: &releasePage{files: map[string][]byte{}}, server: newWatchedServer(t), argv: filepath.Join(temp, "argv")}
	listener := httptest.NewServer(j.releases)
	t.Cleanup(listener.Close)
	j.releases.url = listener.URL + "/releases"
	j.releases.release(t, "1.2.3", j.argv)
	path := slices.DeleteFunc(filepath.SplitList(os.Getenv("PATH")), func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "engram-sync"))
		return err == nil // only the action brings it
	})
	j.runner = &actions.Runner{
		Workspace: t.TempDir(), Temp: temp, OS: "Linux", Arch: "X64", Path: strings.Join(path, string(os.PathListSeparator)),
		Env:     homeAt(t.TempDir()),
		Secrets: map[string]string{"ENGRAM_SYNC_TOKEN": j.server.token},
		// Checked out it is, before the job.
		Actions: map[string]string{
			"engram-sync/engram-sync": top, "https://github.com/engram-sync/engram-sync": top,
			"actions/checkout": "", "https://code.forgejo.org/actions/checkout": "",
		},
		Defaults: map[string]string{"releases": j.releases.url},
	}
	j.runner.Env["ENGRAM_SYNC_RETRIES"] = "0"
	j.dir = filepath.Join(j.runner.Workspace, ".engram")
	if err := os.CopyFS(j.dir, os.DirFS(fixtures.ChunkDir("1.16.1"))); err != nil {
		t.Fatal(err)
	}
	return j
}

// act runs the action once, and wants it to end with this code, or with any. with has pairs of inputs.
func (j *job) act(code int, with ...string) *actions.Result {
	j.t.Helper()
	step := actions.Step{
		ID: "it", Uses: "engram-sync/engram-sync@v1", With: map[string]string{"remote": j.server.url},
		Env: map[string]string{"ENGRAM_SYNC_TOKEN": "${{ secrets.ENGRAM_SYNC_TOKEN }}"},
	}
	for i := 0; i < len(with); i += 2 {
		step.With[with[i]] = with[i+1]
	}
	result, err := j.runner.Steps(j.t.Context(), []actions.Step{step}, nil)
	if err != nil {
		j.t.Fatal(err)
	}
	if result.ExitCode != code && code != anyCode {
		j.t.Fatalf("%v: exit code %d, want %d:\n%s", with, result.ExitCode, code, result.Log)
	}
	for _, command := range result.Commands() {
		if command.Name != "error" && command.Name != "warning" {
			j.t.Errorf("%v: somebody told the runner: %+v", with, command)
		}
	}
	argv, _ := os.ReadFile(j.argv) // none if nothing was installed
	for where, text := range map[string]string{"the log": result.Log, "the summary": result.Summary, "the arguments": string(argv)} {
		if strings.Contains(text, j.server.token) {
			j.t.Errorf("%v: the token is in %s:\n%s", with, where, text)
		}
	}
	return result
}

// wantOutputs compares outputs of the action; want has pairs.
func (j *job) wantOutputs(result *actions.Result, want ...string) {
	j.t.Helper()
	for i := 0; i < len(want); i += 2 {
		if got := result.Outputs["it"][want[i]]; got != want[i+1] {
			j.t.Errorf("output %s is %q, want %q:\n%s", want[i], got, want[i+1], result.Log)
		}
	}
}

// wantError wants one annotation, with this in it.
func (j *job) wantError(result *actions.Result, want string) {
	j.t.Helper()
	found := result.Commands()
	if len(found) != 1 || found[0].Name != "error" || !strings.Contains(found[0].Data, want) {
		j.t.Errorf("the annotations are %+v, want one error with %q", found, want)
	}
}
