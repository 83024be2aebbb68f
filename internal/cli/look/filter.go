package look

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/memoryindex"
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
	if is.Since, err = readTime(f.since, now, false); err != nil {
		return is, terminal.Usagef("--since: %w", err)
	}
	if is.Until, err = readTime(f.until, now, true); err != nil {
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

// maxAgo is how many days back one can ask for: more would be no time.
const maxAgo = 100_000

// readTime understands a date, an RFC 3339 time, or how long ago it was. A date is its beginning, or its end.
func readTime(text string, now time.Time, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			day = day.AddDate(0, 0, 1)
		}
		return day, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	for unit, days := range map[string]int{"d": 1, "w": 7} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			if n, err := strconv.Atoi(number); err == nil && n >= 0 && n*days <= maxAgo {
				return now.AddDate(0, 0, -n*days), nil
			}
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, fmt.Errorf("%.40q is no time: give a date as 2026-10-01, an RFC 3339 time, or how long ago as 7d, 2w, 36h", text)
}
