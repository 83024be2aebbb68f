package look

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const indexLong = `

What chunks say is kept in an index in the cache directory (docs/local-state.md), and only
chunks that are new or changed are read. Chunks that cannot be read are named, the rest
goes on, and the exit code is 7.`

const logLong = `List the chunks of the chunk directory, the newest first: who wrote it and when, of which
projects, and the titles of what is in it.

--project and --type leave only what is of that project or type, and chunks that have it.
A chunk whose entry says 1970, as the first that export makes of an engram.db, or names
no time, is taken to be as old as its newest row.
With --remote: the chunks of that remote.` + indexLong

type logger struct {
	*looker
	filter
	oneline bool
}

// NewLog makes the command log.
func NewLog(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	l := &logger{}
	cmd := &cobra.Command{
		Use:     "log",
		Short:   "List chunks by time, with the titles of their memories",
		Long:    problem.Help(logLong, problem.Remote),
		Example: "  engram-sync log\n  engram-sync log --since 7d --author ana --oneline\n  engram-sync log --type decision --limit 0 --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ws.OnlyLook()
			l.remote = cmd.Flags().Changed("remote")
			return l.run(cmd)
		},
	}
	l.looker = newLooker(term, ws, cmd)
	l.flags(cmd, "chunks", 50)
	cmd.Flags().BoolVar(&l.oneline, "oneline", false, "one line for each chunk")
	return cmd
}

// logDocument is what log prints in JSON mode.
type logDocument struct {
	Schema int           `json:"schema"`
	Chunks []loggedChunk `json:"chunks"`
	More   int           `json:"more"` // chunks that --limit leaves out
	Failed []failedItem  `json:"failed"`
}

type loggedChunk struct {
	entry
	Readable bool        `json:"readable"`
	Projects []string    `json:"projects"`
	Rows     []loggedRow `json:"rows"`

	moment int64 // when it was written
}

type loggedRow struct {
	Kind    string        `json:"kind"`
	ID      string        `json:"id"`
	Type    string        `json:"type"`
	Title   string        `json:"title"`
	Project string        `json:"project"`
	State   history.State `json:"state"`

	told string // the title, for people
}

func newLoggedRow(l memoryindex.Line) loggedRow {
	return loggedRow{l.Kind, l.ID, l.Type, l.Title, l.Project, l.State, cmp.Or(l.Told, l.Title)}
}

// failedItem is a chunk that could not be read, in JSON.
type failedItem = command.FailedItem

func failedItems(failed []work.Failure) []failedItem { return command.FailedItems(failed) }

func (l *logger) run(cmd *cobra.Command) error {
	asked, err := l.read(l.ws, time.Now())
	if err != nil {
		return err
	}
	return l.within(cmd.Context(), func(x index) error {
		entries, more, err := x.Chunks(cmd.Context(), asked)
		if err != nil {
			return err
		}
		doc := logDocument{Schema: terminal.Schema, Chunks: []loggedChunk{}, More: more, Failed: failedItems(x.failed)}
		for _, e := range entries {
			doc.Chunks = append(doc.Chunks, newLoggedChunk(e))
		}
		columns := math.MaxInt // a program wants all of the line
		if l.term.Stdout.IsTerminal() {
			columns = l.term.Width()
		}
		end := l.page(cmd.Context())
		err = l.shown(doc, func(s *sheet) {
			for i, c := range doc.Chunks {
				if l.oneline {
					s.line(c.line(columns))
					continue
				}
				if i > 0 {
					s.line()
				}
				c.write(s)
			}
		})
		end()
		switch {
		case err != nil:
			return err
		case len(entries) == 0:
			if unknown, err := l.noType(cmd.Context(), x, asked); unknown || err != nil {
				return cmp.Or(err, l.end(x.failed))
			}
			all, besides, err := x.Chunks(cmd.Context(), memoryindex.Filter{Limit: 1})
			if err != nil {
				return err
			}
			if n := len(all) + besides; n > 0 {
				l.term.Note("none of %s matches", terminal.Count(n, "chunk"))
			} else {
				l.term.Note("no chunks")
			}
		case more > 0:
			l.term.Note("%s more (--limit 0 lists all)", terminal.Count(more, "chunk"))
		}
		return l.end(x.failed)
	})
}

func newLoggedChunk(e memoryindex.Entry) loggedChunk {
	c := loggedChunk{entry: newEntry(e.ChunkEntry, e.Listed), Readable: e.Known, moment: e.Moment, Projects: []string{}, Rows: []loggedRow{}}
	for _, line := range e.Rows {
		c.Rows = append(c.Rows, newLoggedRow(line))
		if line.Project != "" && !slices.Contains(c.Projects, line.Project) {
			c.Projects = append(c.Projects, line.Project)
		}
	}
	slices.Sort(c.Projects)
	return c
}

// where is the projects of a chunk, and what is wrong with it.
func (c loggedChunk) where() string {
	if !c.Readable {
		return safetext.Styled(safetext.Bad, "cannot be read")
	}
	return clean(strings.Join(c.Projects, ", "))
}

// linesShown is how many rows of a chunk are listed.
const linesShown = 20

// write shows a chunk, and a line for each of its rows but the sessions.
func (c loggedChunk) write(s *sheet) {
	s.line(safetext.Styled(safetext.Accent, c.ID), "  ", written(c.ChunkEntry(), c.moment, c.Listed))
	s.facts("    ", c.where(), countsText(c.ChunkEntry()))
	lines := c.titled()
	for i, row := range lines {
		if i == linesShown && len(lines) > linesShown+1 {
			s.line("    ", s.typed(fmt.Sprintf("… and %d more: `engram-sync show %s`", len(lines)-i, c.ID)))
			break
		}
		s.line(markdown.Cut("    "+heading(row.Kind, row.Type, row.told, row.State), s.columns))
	}
}

// titled are the rows with a title: all but sessions, unless there is nothing else.
func (c loggedChunk) titled() []loggedRow {
	titled := slices.DeleteFunc(slices.Clone(c.Rows), func(r loggedRow) bool { return r.Kind == "session" })
	if len(titled) == 0 {
		return c.Rows
	}
	return titled
}

// line is a chunk on one line.
func (c loggedChunk) line(columns int) string {
	var titles []string
	for _, row := range c.titled() {
		if len(titles) == linesShown {
			break
		}
		title := clean(row.told)
		if row.State != history.Kept {
			title = safetext.Styled(safetext.Bad, "deleted") + " " + title
		}
		titles = append(titles, title)
	}
	when, _, _ := strings.Cut(clock(writtenAt(c.ChunkEntry(), c.moment)), " ")
	return markdown.Cut(fmt.Sprintf("%s  %s  %s  %s  %s", safetext.Styled(safetext.Accent, c.ID), cmp.Or(when, "          "), cmp.Or(clean(c.CreatedBy), "-"),
		safetext.Styled(safetext.Faint, cmp.Or(c.where(), "-")), strings.Join(titles, "; ")), columns)
}
