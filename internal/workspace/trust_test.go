package workspace

import (
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
)

// Files of a repository can name any project. What needs the user's word is a name that
// nothing else here gives.
func TestWhatARepositoryChoseIsClaimed(t *testing.T) {
	const config, git = "app/.engram/config.json", "app/.git/config"
	for story, tt := range map[string]struct {
		files   map[string]string
		claimed string
	}{
		"origin alone":                      {map[string]string{git: originConfig}, ""},
		"origin in another spelling":        {map[string]string{git: originConfig, config: `{"project_name":" BILLING--api"}`}, ""},
		"another than origin":               {map[string]string{git: originConfig, config: `{"project_name":"money"}`}, "app"},
		"another for a part of it":          {map[string]string{git: originConfig, "app/src/.engram/config.json": `{"project_name":"money"}`}, "app"},
		"no origin, and the directory":      {map[string]string{git: "", config: `{"project_name":"APP"}`}, ""},
		"no origin, and another":            {map[string]string{git: "", config: `{"project_name":"money"}`}, "app"},
		"an origin that cannot be read":     {map[string]string{git + "/": "", config: `{"project_name":"money"}`}, "app"},
		"engram's binding":                  {map[string]string{git: originConfig, "app/.git/engram-project-identity.json": `{"version":1,"project":"money"}`}, ""},
		"the same as engram's binding":      {map[string]string{git: originConfig, config: `{"project_name":"money"}`, "app/.git/engram-project-identity.json": `{"version":1,"project":"money"}`}, ""},
		"a binding that the clone brings":   {map[string]string{git: originConfig, "app/engram-project-identity.json": `{"version":1,"project":"money"}`}, ""},
		"outside of git, as in a download":  {map[string]string{"app/src/.engram/config.json": `{"project_name":"money"}`}, "app/src"},
		"outside of git, and its own name":  {map[string]string{"app/src/.engram/config.json": `{"project_name":"src"}`}, "app/src"},
		"the directory, where origin is it": {map[string]string{git: originConfig, config: `{"project_name":"app"}`}, "app"},
	} {
		tt.files["app/src/"] = ""
		root := tree(t, tt.files)
		p, err := projectAt(filepath.Join(root, "app", "src"), CurrentRule)
		if err != nil {
			t.Errorf("%s: %v", story, err)
		}
		want := tt.claimed
		if want != "" {
			want = filepath.Join(root, want)
		}
		if p.Claimed != want {
			t.Errorf("%s: %+v, want it claimed by %q", story, p, tt.claimed)
		}
	}
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{"work": "work", "/a/b c": "'/a/b c'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "": "''"} {
		if got := ShellWord(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// A command that a hint names says what this run said of where it works, and no more.
func TestHintsHaveTheFlagsOfTheRun(t *testing.T) {
	w := &Workspace{}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, name := range []string{"dir", "config", "remote", "project"} {
		flags.String(name, "", "")
	}
	flags.StringP("directory", "C", "", "")
	flags.Bool("insecure-http", false, "")
	flags.Int("retries", 0, "")
	if err := flags.Parse([]string{"-C", "my repo", "--dir", "x", "--remote=work", "--insecure-http", "--retries", "3"}); err != nil {
		t.Fatal(err)
	}
	if got := w.complete("engram-sync pull"); got != "engram-sync pull" {
		t.Errorf("before the flags are read: %s", got)
	}
	w.Inputs.Flags = flags
	for command, want := range map[string]string{
		"engram-sync pull":                      "engram-sync pull -C 'my repo' --dir x --remote work --insecure-http",
		"engram-sync pull --remote home":        "engram-sync pull --remote home -C 'my repo' --dir x --insecure-http",
		"engram-sync verify --repair":           "engram-sync verify --repair -C 'my repo' --dir x",
		"engram-sync login":                     "engram-sync login -C 'my repo' --remote work --insecure-http",
		"engram-sync config set remote NAME":    "engram-sync config set remote NAME",
		"engram-sync serve user list":           "engram-sync serve user list -C 'my repo'",
		"engram-sync redact --help":             "engram-sync redact --help",
		"engram-sync push --dir y -C 'a b' --x": "engram-sync push --dir y -C 'a b' --x --remote work --insecure-http",
	} {
		if got := w.complete(command); got != want {
			t.Errorf("%s: got %s, want %s", command, got, want)
		}
	}
}
