package look

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// filter is what of all memories a user wants to see, as typed.
type filter struct {
	since, until, author, kind string
	limit                      int
}

// flags adds the flags of a filter. of is what times and the limit are about.
func (f *filter) flags(cmd *cobra.Command, of string, most int) {
	cmd.Flags().StringVar(&f.since, "since", "", "only "+of+" from `TIME` on: 2026-10-01, an RFC 3339 time, or 7d, 36h ago")
	cmd.Flags().StringVar(&f.until, "until", "", "only "+of+" up to `TIME`, a day with all of it")
	cmd.Flags().StringVar(&f.author, "author", "", "only chunks whose author's name has `TEXT` in it")
	cmd.Flags().StringVar(&f.kind, "type", "", "only memories of `TYPE` (decision, bugfix, …), or prompt, session, relation")
	cmd.Flags().IntVar(&f.limit, "limit", most, "at most `N` of them; 0 is all")
}

// read understands what was typed.
func (f *filter) read(ws *workspace.Workspace, now time.Time) (is memoryindex.Filter, err error) {
	if is.Since, err = command.ReadTime(f.since, now, false); err != nil {
		return is, terminal.Usagef("--since: %w", err)
	}
	if is.Until, err = command.ReadTime(f.until, now, true); err != nil {
		return is, terminal.Usagef("--until: %w", err)
	}
	if f.limit < 0 {
		return is, terminal.Usagef("--limit: %d is no number of results: 0 is all", f.limit)
	}
	is.Author, is.Type, is.Limit = f.author, f.kind, f.limit
	if ws.Inputs.Flags.Changed("project") { // not the setting: all is shown that is not asked to be left out
		is.Project = ws.Config.Project
	}
	return is, nil
}

// noType says, of one that nothing is of, that the type asked for is such a one.
func (l *looker) noType(ctx context.Context, x index, asked memoryindex.Filter) (unknown bool, err error) {
	if asked.Type == "" || selection.IsKind(asked.Type) {
		return false, nil
	}
	chunks, _, err := x.Chunks(ctx, memoryindex.Filter{Type: asked.Type, Limit: 1})
	if err != nil || len(chunks) > 0 {
		return false, err
	}
	all, err := x.Choices(ctx)
	if err == nil {
		command.WarnOfTypes(l.term, "the chunks have", []string{asked.Type}, all.Types)
	}
	return true, err
}
