package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var (
	plainWord = regexp.MustCompile(`^[a-z][a-z-]+$`)
	// named is a command line in the text of a page, with or without the program's name.
	named = regexp.MustCompile("`(?:engram-sync )?([a-z][^`\n]*)`")
)

// TestCommandsOnPages: what the text of a page calls a command is one, and it has the flags that are named with it. What blocks show is
// run (TestPages).
func TestCommandsOnPages(t *testing.T) {
	top := filepath.Join("..", "..")
	paths, err := filepath.Glob(filepath.Join(top, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	root := Command()
	found := 0
	for _, path := range append(paths, filepath.Join(top, "README.md"), filepath.Join(top, "SECURITY.md"), filepath.Join(top, "CHANGELOG.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range named.FindAllStringSubmatch(string(text), -1) {
			ours := strings.HasPrefix(line[0], "`engram-sync ")
			engrams := filepath.Base(path) == "local-state.md" // `sync` is engram's there
			cmd, rest, err := root.Find(strings.Fields(line[1]))
			gits := err == nil && cmd.Name() == "git" && len(rest) > 0 // of its own commands, or of git's
			if !ours && (engrams || gits || err != nil || cmd == root) {
				continue
			}
			found++
			if wrong := wrongWord(root, strings.Fields(line[1])); wrong != "" {
				t.Errorf("%s: %s: there is no %s", path, line[0], wrong)
			}
		}
	}
	if found < 200 {
		t.Errorf("found %d commands: are the pages read at all?", found)
	}
}

// wrongWord is the word of a command line that the commands do not know.
func wrongWord(root *cobra.Command, words []string) string {
	cmd, rest, err := root.Find(words)
	if err != nil {
		return words[0]
	}
	if cmd.HasSubCommands() && len(rest) > 0 && plainWord.MatchString(rest[0]) {
		return rest[0]
	}
	for _, word := range rest {
		name, isFlag := strings.CutPrefix(word, "--")
		name, _, _ = strings.Cut(strings.TrimRight(name, ",;:…"), "=")
		if isFlag && name != "" && name != "help" && name != "version" && cmd.Flag(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
			return word
		}
	}
	return ""
}
