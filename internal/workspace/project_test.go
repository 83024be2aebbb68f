package workspace

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// tree makes files below a new directory; a name that ends with / is a directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		dir, isDir := filepath.Dir(path), name[len(name)-1] == '/'
		if isDir {
			dir = path
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if isDir {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const originConfig = "[core]\n\tbare = false\n[remote \"upstream\"]\n\turl = https://git.example/other/thing\n" +
	"[remote \"origin\"]\n\turl = git@git.example:team/Billing-API.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch \"main\"]\n\tremote = origin\n"

func TestProjectIsNamedAsEngramNamesIt(t *testing.T) {
	tests := []struct {
		story      string
		files      map[string]string
		start      string
		rule       ProjectRule
		want, from string
	}{
		{"the origin of the repository", map[string]string{"app/.git/config": originConfig, "app/src/": ""},
			"app/src", CurrentRule, "Billing-API", "git's remote origin"},
		{"1.9.4 knows nothing of git", map[string]string{"App/.git/config": originConfig},
			"App", LegacyRule, "App", "the name of the directory ROOT/App"},
		{"a repository without a remote", map[string]string{"app/.git/config": "[core]\n", "app/src/": ""},
			"app/src", CurrentRule, "app", "the name of the directory ROOT/app"},
		{"a repository that says who it is", map[string]string{"app/.git/config": originConfig, "app/.engram/config.json": `{"project_name":"Money"}`, "app/src/": ""},
			"app/src", CurrentRule, "Money", "ROOT/app/.engram/config.json"},
		{"which counts for 1.9.4 too", map[string]string{"app/.engram/config.json": `{"project_name":"Money"}`},
			"app", LegacyRule, "Money", "ROOT/app/.engram/config.json"},
		{"one that says nothing", map[string]string{"app/.git/config": originConfig, "app/.engram/config.json": `{"project_name":" "}`},
			"app", CurrentRule, "Billing-API", "git's remote origin"},
		{"a file outside of the repository does not count", map[string]string{".engram/config.json": `{"project_name":"x"}`, "app/.git/config": originConfig},
			"app", CurrentRule, "Billing-API", "git's remote origin"},
		{"a file where the chunk directory should be", map[string]string{"app/.git/config": originConfig, "app/.engram": ""},
			"app", CurrentRule, "Billing-API", "git's remote origin"},
		{"no repository", map[string]string{"app/": ""},
			"app", CurrentRule, "app", "the name of the directory ROOT/app"},
		{"a directory around one repository", map[string]string{"w/Money/.git/config": originConfig, "w/notes/": "", "w/.cache/.git/": ""},
			"w", CurrentRule, "Money", "the only repository in ROOT/w"},
		{"which 1.9.4 does not look for", map[string]string{"w/Money/.git/": ""},
			"w", LegacyRule, "w", "the name of the directory ROOT/w"},
		{"a directory around several", map[string]string{"w/a/.git/": "", "w/b/.git/": ""},
			"w", CurrentRule, "w", "the name of the directory ROOT/w"},
		{"a repository in a repository", map[string]string{"w/.git/": "", "w/a/.git/": ""},
			"w", CurrentRule, "w", "the name of the directory ROOT/w"},
		{"a linked work tree", map[string]string{"main/.git/config": originConfig, "main/.git/worktrees/w/commondir": "../..\n",
			"w/.git": "gitdir: ../main/.git/worktrees/w\n"},
			"w", CurrentRule, "Billing-API", "git's remote origin"},
		{"a clone that engram 2.x has bound, before its origin moved", map[string]string{"app/.git/config": originConfig, "app/.git/engram-project-identity.json": `{"version":1,"id":"00112233445566778899aabbccddeeff","project":"Money"}`},
			"app", CurrentRule, "Money", "engram's binding ROOT/app/.git/engram-project-identity.json"},
		{"which 1.9.4 does not know", map[string]string{"app/.git/engram-project-identity.json": `{"version":1,"project":"Money"}`},
			"app", LegacyRule, "app", "the name of the directory ROOT/app"},
		{"a bound clone that says who it is", map[string]string{"app/.engram/config.json": `{"project_name":"Mine"}`, "app/.git/engram-project-identity.json": `{"version":1,"project":"Money"}`},
			"app", CurrentRule, "Mine", "ROOT/app/.engram/config.json"},
		{"the nearest file on the way up to the top", map[string]string{"app/.git/": "", "app/.engram/config.json": `{"project_name":"whole"}`, "app/part/.engram/config.json": `{"project_name":"part"}`, "app/part/src/": ""},
			"app/part/src", CurrentRule, "part", "ROOT/app/part/.engram/config.json"},
		{"outside of git only the directory's own", map[string]string{"app/.engram/config.json": `{"project_name":"whole"}`, "app/part/": ""},
			"app/part", CurrentRule, "part", "the name of the directory ROOT/app/part"},
		{"the binding that linked work trees share", map[string]string{"main/.git/config": originConfig, "main/.git/worktrees/w/commondir": "../..\n",
			"main/.git/engram-project-identity.json": `{"version":1,"project":"Money"}`, "w/.git": "gitdir: ../main/.git/worktrees/w\n"},
			"w", CurrentRule, "Money", "engram's binding ROOT/main/.git/engram-project-identity.json"},
		{"a submodule", map[string]string{"main/.git/modules/sub/config": originConfig, "main/sub/.git": "gitdir: ../.git/modules/sub\n"},
			"main/sub", CurrentRule, "Billing-API", "git's remote origin"},
	}
	for _, tt := range tests {
		t.Run(tt.story, func(t *testing.T) {
			root := tree(t, tt.files)
			got, err := projectAt(filepath.Join(root, tt.start), tt.rule)
			got.Older, got.Claimed = "", "" // which have tests of their own
			want := Project{Name: tt.want, From: filepath.FromSlash(strings.ReplaceAll(tt.from, "ROOT", root))}
			if err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

// Where engram 1.x takes another name than 2.x has bound the clone to, that is told; two
// spellings are one name.
func TestOlderNameOfABoundClone(t *testing.T) {
	for bound, want := range map[string]string{"money": "Billing-API, from git's remote origin", "billing--api": ""} {
		root := tree(t, map[string]string{"app/.git/config": originConfig, "app/.git/engram-project-identity.json": `{"version":1,"project":"` + bound + `"}`})
		if got, err := projectAt(filepath.Join(root, "app"), CurrentRule); err != nil || got.Older != want {
			t.Errorf("%s: got %+v, %v", bound, got, err)
		}
	}
}

// A binding that is no good is no reason to take another name, whoever wrote it.
func TestBadBindingIsNotGuessed(t *testing.T) {
	const name = "app/.git/engram-project-identity.json"
	for _, text := range []string{"", "{", "[]", `{"version":1}`, `{"project":"x"}`, `{"version":1,"project":" "}`, `{"version":1,"project":"a/b"}`, `{"version":1,"project":"a\\b"}`,
		`{"version":1,"project":"a\u001b[31mb"}`, strings.Repeat(" ", maxProjectFile) + `{"version":1,"project":"x"}`} {
		root := tree(t, map[string]string{"app/.git/config": originConfig, name: text})
		got, err := projectAt(filepath.Join(root, "app"), CurrentRule)
		if err == nil || !strings.Contains(err.Error(), "engram-project-identity.json") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%.60q: got %+v, %v", text, got, err)
		}
	}
	root := tree(t, map[string]string{"app/.git/config": originConfig, name + "/": ""})
	if got, err := projectAt(filepath.Join(root, "app"), CurrentRule); !errors.As(err, new(*repofile.UnfitError)) {
		t.Errorf("a directory: got %+v, %v", got, err)
	}
}

func TestProjectOfABadConfigFileIsNotGuessed(t *testing.T) {
	root := tree(t, map[string]string{"app/.git/config": originConfig, "app/.engram/config.json": "{"})
	if got, err := projectAt(filepath.Join(root, "app"), CurrentRule); !errors.As(err, new(*terminal.UsageError)) {
		t.Errorf("got %+v, %v", got, err)
	}
	// nor one whose name engram would not take
	root = tree(t, map[string]string{"app/.git/config": originConfig, "app/.engram/config.json": `{"project_name":"team/app"}`})
	if got, err := projectAt(filepath.Join(root, "app"), CurrentRule); !errors.As(err, new(*terminal.UsageError)) || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("got %+v, %v", got, err)
	}
	// nor is one read that is no file
	root = tree(t, map[string]string{"app/.git/config": originConfig, "app/.engram/config.json/": ""})
	if got, err := projectAt(filepath.Join(root, "app"), CurrentRule); !errors.As(err, new(*repofile.UnfitError)) {
		t.Errorf("got %+v, %v", got, err)
	}
}
