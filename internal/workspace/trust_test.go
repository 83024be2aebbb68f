package workspace

import (
	"path/filepath"
	"testing"
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
