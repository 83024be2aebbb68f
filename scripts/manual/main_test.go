package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/cli"
)

// What a release ships beside the binary: a page for each command, in which the lines of a table stay
// lines, and a completion for each shell.
func TestWrite(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1764376800")
	dir := t.TempDir()
	if err := write(dir, cli.Command()); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	for _, name := range []string{"engram-sync", "engram-sync-push", "engram-sync-mutations-pull", "engram-sync-completion-fish"} {
		page := read("man/man1/" + name + ".1")
		if want := ".SH NAME\n" + name + " - "; !strings.Contains(page, want) {
			t.Errorf("%s.1 has no line %q", name, want)
		}
		if want := `"1" "Nov 2025" "engram-sync"`; !strings.Contains(page, want) {
			t.Errorf("%s.1 has no %q: its date is the time of the build", name, want)
		}
		if packed := read("man/man1/" + name + ".1.gz"); !strings.HasPrefix(packed, "\x1f\x8b\x08\x00\x00\x00\x00\x00") {
			t.Errorf("%s.1.gz says when it was made, or is no gzip", name)
		}
	}
	if page := read("man/man1/engram-sync-push.1"); !strings.Contains(page, "\n      2  usage or configuration\n      3  partial") {
		t.Errorf("the table of exit codes was filled into paragraphs:\n%s", page)
	}
	for name, want := range map[string]string{
		"bash-completion/completions/engram-sync":    "complete -o default -F __start_engram-sync engram-sync",
		"zsh/site-functions/_engram-sync":            "#compdef engram-sync",
		"fish/vendor_completions.d/engram-sync.fish": "complete -c engram-sync",
		"powershell/engram-sync.ps1":                 "Register-ArgumentCompleter -CommandName 'engram-sync'",
	} {
		if !strings.Contains(read(name), want) {
			t.Errorf("%s has no %q", name, want)
		}
	}
}

func TestBlocks(t *testing.T) {
	got := blocks("Two words of\n<id> and a_b:\n  engram-sync x <id>\n  more\nAnd on.")
	want := "Two words of\n\\<id> and a\\_b:\n\n      engram-sync x <id>\n      more\n\nAnd on."
	if got != want {
		t.Errorf("blocks gives\n%q, want\n%q", got, want)
	}
}
