package git

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/repofile"
)

func TestRepositoryName(t *testing.T) {
	for url, want := range map[string]string{
		"https://git.example/team/app.git":    "app",
		"https://git.example/team/app/":       "app",
		"git@git.example:app.git":             "app",
		"ssh://git@git.example:2222/team/app": "app",
		"../app.git":                          "app",
		`C:\work\app`:                         "app",
		"https://ana:hunter2@git.example":     "",
		"https://ana:hunter2@git.example/":    "",
		"ssh://git.example:2222":              "",
		"":                                    "",
	} {
		if got := repositoryName(url); got != want {
			t.Errorf("%q: got %q, want %q", url, got, want)
		}
	}
}

// FuzzOriginURL: whatever a config says, the last url of origin counts, and no other remote's does.
func FuzzOriginURL(f *testing.F) {
	f.Add("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git@git.example:app.git\n")
	f.Add("[REMOTE \"origin\"] ; mine\r\n URL=\"C:\\work\\app\"")
	f.Add("[remote \"origin\"\nurl\n= x")
	f.Fuzz(func(t *testing.T, config string) {
		was := originURL(config)
		if got := originURL(config + "\n[remote \"fork\"]\n\turl = https://fork.example/b\n"); got != was || !strings.Contains(config, was) {
			t.Errorf("%q leads to %q, and with another remote to %q", config, was, got)
		}
		if got := originURL(config + "\n[remote \"origin\"]\n\turl = https://git.example/a\n"); got != "https://git.example/a" {
			t.Errorf("%q hides the last url: %q", config, got)
		}
		if name := repositoryName(was); strings.ContainsAny(name, `/\:`) {
			t.Errorf("%q has the name %q", was, name)
		}
	})
}

// FuzzPointer: whatever a .git file says, nothing on another machine is followed.
func FuzzPointer(f *testing.F) {
	for _, text := range []string{"gitdir: ../.git/worktrees/a\n", "gitdir: /r/.git/modules/b", `gitdir: \\evil.example\share`, "gitdir: //evil.example/share", "", "gitdir:\x00"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		top := t.TempDir()
		if err := os.WriteFile(filepath.Join(top, ".git"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if dir, err := CommonDir(top); err == nil && (repofile.IsRemote(dir) || !filepath.IsAbs(dir)) {
			t.Errorf("%q leads to %q", text, dir)
		}
	})
}

// FuzzAttributes: our driver is installed once, for any path, and goes away without a trace.
func FuzzAttributes(f *testing.F) {
	f.Add("*.png binary\n", ".engram/manifest.json")
	f.Add("# mine\r\n .engram/manifest.json text merge=union\r\n", ".engram/manifest.json")
	f.Add("\"a b\" -merge", "a b")
	f.Add("/m !merge\nm eol=lf", "m")
	f.Add("[attr]x merge=a merge=b\n", "#\"\\*\n")
	f.Fuzz(func(t *testing.T, text, path string) {
		a, c := attributes(text), choice{attributePattern(path, ""), Merge}
		out, replaced := a.install(c)
		if again, more := out.install(c); !out.usesOurDriver() || again != out || len(more) > 0 {
			t.Fatalf("%q for %q becomes %q, and then %q", text, path, out, again)
		}
		if a.usesOurDriver() || len(replaced) > 1 {
			return // what was there before is nobody's to bring back
		}
		back := out.uninstall(c, replaced)
		if back != a && strings.TrimRight(string(back), "\r\n") != strings.TrimRight(text, "\r\n") { // its last line got an end
			t.Errorf("%q for %q becomes %q, and then %q", text, path, out, back)
		}
	})
}
