//go:build unix

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/engram-sync/engram-sync/internal/testkit/actions"
)

var ciBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// recipes are the blocks of docs/ci.md in a language, with servers that are here in the place of its examples.
func (j *job) recipes(language string) []string {
	j.t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "ci.md"))
	if err != nil {
		j.t.Fatal(err)
	}
	here := strings.NewReplacer("https://engram.example.com", j.server.url, "https://github.com/engram-sync/engram-sync/releases", j.releases.url)
	var texts []string
	for _, block := range ciBlock.FindAllStringSubmatch(string(page), -1) {
		if block[1] == language {
			texts = append(texts, here.Replace(block[2]))
		}
	}
	return texts
}

// recipe is the block that has this name in it, read as YAML.
func (j *job) recipe(name string, into any) {
	j.t.Helper()
	texts := j.recipes("yaml")
	i := slices.IndexFunc(texts, func(text string) bool { return strings.Contains(text, name) })
	if i < 0 {
		j.t.Fatalf("docs/ci.md has no recipe %s", name)
	}
	if err := yaml.Unmarshal([]byte(texts[i]), into); err != nil {
		j.t.Fatalf("%s: %v", name, err)
	}
}

// workflow runs the one job of a workflow of docs/ci.md.
func (j *job) workflow(code int, name string) {
	j.t.Helper()
	var workflow struct {
		Permissions map[string]string
		Jobs        map[string]struct{ Steps []actions.Step }
	}
	j.recipe("name: "+name+"\n", &workflow)
	if p := workflow.Permissions; len(p) > 0 && (len(p) != 1 || p["contents"] != "read") {
		j.t.Errorf("%s wants more than it needs: %v", name, p)
	}
	if len(workflow.Jobs) != 1 {
		j.t.Fatalf("%s has %d jobs", name, len(workflow.Jobs))
	}
	for _, one := range workflow.Jobs {
		result, err := j.runner.Steps(j.t.Context(), one.Steps, nil)
		if err != nil || result.ExitCode != code {
			j.t.Errorf("%s: exit code %d, want %d: %v\n%s", name, result.ExitCode, code, err, result.Log)
		}
	}
}

// gitlab runs a job of the recipe for GitLab.
func (j *job) gitlab(code int, name string) {
	j.t.Helper()
	type gitlabJob struct {
		Extends      string
		Variables    map[string]string
		BeforeScript []string `yaml:"before_script"`
		Script       []string
	}
	var jobs map[string]gitlabJob
	j.recipe(name+":\n", &jobs)
	template := jobs[jobs[name].Extends]
	j.shell(code, template.Variables, strings.Join(append(template.BeforeScript, jobs[name].Script...), "\n"))
}

// shell runs a script as most CI systems do.
func (j *job) shell(code int, env map[string]string, script string) {
	j.t.Helper()
	step := actions.Step{Run: "set -o pipefail\n" + script, Env: env}
	result, err := j.runner.Steps(j.t.Context(), []actions.Step{step}, map[string]string{"ENGRAM_SYNC_TOKEN": j.server.token})
	if err != nil || result.ExitCode != code {
		j.t.Errorf("exit code %d, want %d: %v\n%s\n%s", result.ExitCode, code, err, script, result.Log)
	}
}

// damage cuts a chunk of the checkout off, and mend brings the whole checkout back.
func (j *job) damage() (mend func()) {
	j.t.Helper()
	files, err := filepath.Glob(filepath.Join(j.dir, "chunks", "*.gz"))
	if err != nil || len(files) == 0 {
		j.t.Fatal("nothing to damage", err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		j.t.Fatal(err)
	}
	if err := os.Truncate(files[0], 100); err != nil {
		j.t.Fatal(err)
	}
	return func() {
		if err := os.WriteFile(files[0], whole, 0o600); err != nil {
			j.t.Fatal(err)
		}
	}
}

// TestCIRecipes does what docs/ci.md tells the authors of CI jobs to do.
func TestCIRecipes(t *testing.T) {
	t.Parallel()
	t.Run("GitHub", func(t *testing.T) {
		t.Parallel()
		j := newJob(t)
		mend := j.damage()
		j.workflow(7, "verify-memories")
		mend()
		j.workflow(0, "verify-memories")
		j.workflow(10, "check-memories")
		j.workflow(0, "push-memories")
		j.workflow(0, "check-memories")
		// The program of engram is no part of this project.
		tools := t.TempDir()
		if err := os.WriteFile(filepath.Join(tools, "engram"), []byte("#!/bin/sh\n[ \"$*\" = 'sync --import' ]\n"), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		j.runner.Path = tools + string(os.PathListSeparator) + j.runner.Path
		j.workflow(0, "agent")
	})
	t.Run("Forgejo", func(t *testing.T) {
		t.Parallel()
		j := newJob(t)
		mend := j.damage()
		j.workflow(7, "forgejo-memories")
		mend()
		j.workflow(0, "forgejo-memories")
	})
	t.Run("GitLab", func(t *testing.T) {
		t.Parallel()
		j := newJob(t)
		mend := j.damage()
		j.gitlab(7, "verify-memories")
		mend()
		j.gitlab(0, "verify-memories")
		j.gitlab(0, "push-memories")
		j.workflow(0, "check-memories")
	})
	t.Run("shell", func(t *testing.T) {
		t.Parallel()
		j := newJob(t)
		blocks := j.recipes("sh")
		if len(blocks) != 3 {
			t.Fatalf("docs/ci.md has %d blocks of shell, want to install, to push and to pull", len(blocks))
		}
		const onPath = "export PATH=\"$HOME/.local/bin:$PATH\"\n"
		j.shell(0, nil, blocks[0]+onPath+blocks[1])
		j.shell(0, nil, onPath+"export ENGRAM_SYNC_REMOTE="+j.server.url+"\n"+blocks[2])
		j.shell(0, nil, onPath+"export ENGRAM_SYNC_REMOTE=http://127.0.0.1:1\n"+blocks[2])
		archive := "/releases/download/v1.2.3/engram-sync_1.2.3_linux_amd64.tar.gz"
		j.releases.files[archive] = append(j.releases.files[archive], 0)
		j.shell(1, nil, blocks[0])
	})
}

// TestPreCommitHook runs the hook as pre-commit does: its entry, from the top of a repository, with the program on PATH.
func TestPreCommitHook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", ".pre-commit-hooks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var hooks []struct {
		ID, Name, Description, Entry, Language, Files string
		PassFilenames                                 *bool `yaml:"pass_filenames"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&hooks); err != nil || len(hooks) != 1 {
		t.Fatal(hooks, err)
	}
	hook := hooks[0]
	if hook.Language != "golang" || hook.PassFilenames == nil || *hook.PassFilenames {
		t.Errorf("%+v", hook)
	}
	files := regexp.MustCompile(hook.Files)
	for path, want := range map[string]bool{".engram/manifest.json": true, "a/.engram/chunks/1.jsonl.gz": true, "x.engram/a": false, ".engram": false} {
		if files.MatchString(path) != want {
			t.Errorf("%s: %v, want %v", path, !want, want)
		}
	}
	j := newJob(t)
	program, err := exec.LookPath("engram-sync")
	if err != nil {
		t.Fatal(err)
	}
	j.runner.Path = filepath.Dir(program) + string(os.PathListSeparator) + j.runner.Path
	j.shell(0, nil, hook.Entry)
	defer j.damage()()
	j.shell(7, nil, hook.Entry)
	var config struct {
		Repos []struct {
			Hooks []struct{ ID string }
		}
	}
	if j.recipe("repos:\n", &config); config.Repos[0].Hooks[0].ID != hook.ID {
		t.Errorf("docs/ci.md names %+v", config)
	}
}
