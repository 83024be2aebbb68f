package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
)

// helpPage is the help of a command, in the same order for all: what it does, how it is called, what is below it, its own
// flags, its exit codes. The flags that every command has stand in the root's help alone.
func helpPage(c *cobra.Command) string {
	var page strings.Builder
	section := func(title, text string) {
		if text = strings.TrimRight(text, "\n"); text != "" {
			fmt.Fprintf(&page, "\n%s:\n%s\n", title, text)
		}
	}
	about, codes, _ := strings.Cut(cmp.Or(c.Long, c.Short), problem.CodesTitle)
	page.WriteString(strings.Trim(about, "\n ") + "\n")
	if c.IsAdditionalHelpTopicCommand() {
		return page.String()
	}
	section("Usage", usageLines(c))
	section("Examples", c.Example)
	if c.HasAvailableSubCommands() && len(c.Groups()) == 0 {
		section("Commands", commandLines(c, ""))
	}
	for _, group := range c.Groups() {
		section(group.Title, commandLines(c, group.ID))
	}
	section("Topics", topicLines(c))
	section("Flags", ownFlags(c).FlagUsages())
	section("Exit codes", strings.ReplaceAll(strings.Trim(codes, "\n"), "    ", "  "))
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&page, "\n`%s COMMAND --help` says more about each.\n", c.CommandPath())
	}
	if c.HasParent() {
		fmt.Fprintf(&page, "\n`%s --help` has the flags of every command: --remote, --json, --quiet and others.\n", c.Root().Name())
	}
	return page.String()
}

// usageLines are how a command is called. One that has flags of its own does something without a command below it.
func usageLines(c *cobra.Command) string {
	acts := !c.HasAvailableSubCommands()
	c.LocalFlags().VisitAll(func(f *pflag.Flag) { acts = acts || c.HasParent() && f.Name != "help" })
	lines := ""
	if acts {
		lines = "  " + c.UseLine() + "\n"
	}
	if c.HasAvailableSubCommands() {
		lines += "  " + c.CommandPath() + " COMMAND [flags]\n"
	}
	return lines
}

// commandLines are the commands of a group.
func commandLines(c *cobra.Command, group string) string {
	var lines strings.Builder
	for _, below := range c.Commands() {
		if below.GroupID == group && (below.IsAvailableCommand() || below.Name() == "help") {
			fmt.Fprintf(&lines, "  %-*s  %s\n", below.NamePadding(), below.Name(), below.Short)
		}
	}
	return lines.String()
}

// topicLines are the pages of help that belong to no command alone.
func topicLines(c *cobra.Command) string {
	var lines strings.Builder
	for _, below := range c.Commands() {
		if below.IsAdditionalHelpTopicCommand() {
			fmt.Fprintf(&lines, "  %-*s  %s\n", below.NamePadding(), below.Name(), below.Short)
		}
	}
	return lines.String()
}

// ownFlags are the flags of a command and of those above it, but for what every command has.
func ownFlags(c *cobra.Command) *pflag.FlagSet {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.AddFlagSet(c.LocalFlags())
	if c.HasParent() {
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) {
			if c.Root().PersistentFlags().Lookup(f.Name) == nil {
				own.AddFlag(f)
			}
		})
	}
	return own
}
