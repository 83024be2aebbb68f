package command

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/nearest"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// Choosing is what --include and --exclude of a command say, as typed.
type Choosing struct{ include, exclude []string }

// ChoosingHelp is the paragraph of a command's help that says how the two go together.
const ChoosingHelp = `--include KEY=VALUE and --exclude KEY=VALUE choose: project=NAME, type=TYPE (of a
memory, or prompt, session, relation), since=TIME, until=TIME, as often as you
like. What comes has, of each KEY that is included, one of the values (one key: OR,
several: AND), and nothing that is excluded (OR). What does not tell is not left
out: a deletion names no type, say, and whoever missed it would keep what is gone.`

const (
	includeFlag = "include"
	excludeFlag = "exclude"
)

// Flags adds the flags; of is what is chosen.
func (c *Choosing) Flags(cmd *cobra.Command, verb, of string) {
	cmd.Flags().StringArrayVar(&c.include, includeFlag, nil, verb+" only "+of+" with `KEY=VALUE`: project, type, since or until")
	cmd.Flags().StringArrayVar(&c.exclude, excludeFlag, nil, verb+" no "+of+" with `KEY=VALUE`")
}

// Read understands what was typed for a command.
func (c *Choosing) Read(cmd *cobra.Command) (selection.Filter, error) {
	now := time.Now()
	f, err := selection.Parse(c.include, c.exclude, func(text string, end bool) (time.Time, error) { return ReadTime(text, now, end) })
	if err != nil {
		return f, &terminal.UsageError{Command: cmd.CommandPath(), Err: err}
	}
	return f, nil
}

// Chooses says whether a command line leaves something out.
func Chooses(cmd *cobra.Command) bool {
	return cmd.Flags().Changed(includeFlag) || cmd.Flags().Changed(excludeFlag)
}

// WarnOfTypes says which of the types that were asked for nothing is of, and the near ones of those that there are.
func WarnOfTypes(term *terminal.Terminal, where string, asked, have []string) {
	for _, kind := range asked {
		if !slices.ContainsFunc(have, func(other string) bool { return selection.Type(other) == selection.Type(kind) }) {
			term.Warn(fmt.Sprintf("%s no memory of type %s%s", where, terminal.Visible(kind), nearest.Question(kind, have)))
		}
	}
}
