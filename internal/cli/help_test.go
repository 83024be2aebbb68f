package cli

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// ours finds a command line of this program in an example: up to what ends it, with words in quotes as one.
var ours = regexp.MustCompile(`engram-sync((?: +(?:'[^']*'|"[^"]*"|[^\s|;&<>)"']+))*)`)

var word = regexp.MustCompile(`'[^']*'|[^\s']+`)

// TestExamplesAreUnderstood parses every command line of an example of the help, without running it: the command, its
// flags and their values, its arguments.
func TestExamplesAreUnderstood(t *testing.T) {
	found := 0
	for _, c := range allCommands(newTestRoot()) {
		for _, line := range ours.FindAllStringSubmatch(strings.ReplaceAll(c.Example, "$(date +%F)", "today"), -1) {
			found++
			words := word.FindAllString(line[1], -1)
			for i := range words {
				words[i] = strings.Trim(words[i], "'")
			}
			root := newTestRoot() // flags keep what was parsed
			cmd, rest, err := root.Find(words)
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil {
				t.Errorf("the help of %q has %q: %v", c.CommandPath(), line[0], err)
			}
		}
	}
	if found < 30 {
		t.Errorf("found %d command lines: are the examples read at all?", found)
	}
}

// TestHelpFitsATerminal holds the help of every command to a screen's width, without the lines of flags, which
// explain themselves in one sentence each.
func TestHelpFitsATerminal(t *testing.T) {
	for _, c := range allCommands(newTestRoot()) {
		if c.CommandPath() != "engram-sync completion" && strings.HasPrefix(c.CommandPath(), "engram-sync completion") {
			continue // cobra's own words
		}
		for line := range strings.Lines(helpPage(c)) {
			if len(line) > 100 && !strings.HasPrefix(strings.TrimSpace(line), "-") {
				t.Errorf("%s --help has a line of %d characters: %q", c.CommandPath(), len(line), line)
			}
		}
	}
}

func newTestRoot() *cobra.Command {
	term := terminal.New(strings.NewReader(""), io.Discard, io.Discard)
	return newRootCmd(term, workspace.New(term, nil, "dev"))
}

func allCommands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, below := range c.Commands() {
		all = append(all, allCommands(below)...)
	}
	return all
}
