package look

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/rowtime"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// sheet is text for people on its way to stdout.
type sheet struct {
	*bufio.Writer
	columns int
	colour  bool
	titles  map[string]string // of what relations relate
	typed   func(message string) string
}

func newSheet(term *terminal.Terminal) *sheet {
	return &sheet{Writer: bufio.NewWriterSize(term.Styled(), 32<<10), columns: term.Width(), colour: term.Colour(), typed: term.Typed}
}

// line writes a line, whatever is in it.
func (s *sheet) line(parts ...string) {
	for _, p := range parts {
		_, _ = s.WriteString(p) // stdout remembers its first error
	}
	_ = s.WriteByte('\n')
}

// clean is a stranger's text on one line, as it may come among marks.
func clean(text string) string {
	return strings.Join(strings.Fields(safetext.Escape(secret.Redact(text))), " ")
}

// body writes a text as Markdown, behind an indent.
func (s *sheet) body(text, indent string) {
	for _, line := range markdown.Render(secret.Redact(text), s.columns-len(indent), s.colour) {
		if line != "" {
			line = indent + line
		}
		s.line(line)
	}
}

// clock is a time of a chunk or a row for people, in UTC and whole seconds; what is none stays as it is.
func clock(text string) string {
	at := rowtime.Parse(text)
	if at.IsZero() {
		return clean(text)
	}
	return at.UTC().Format("2006-01-02 15:04:05")
}

// facts writes what is known besides, in a faint line or as many as it takes.
func (s *sheet) facts(indent string, facts ...string) {
	line := ""
	flush := func() {
		if line != "" {
			s.line(indent, safetext.Styled(safetext.Faint, line))
		}
		line = ""
	}
	for _, f := range facts {
		switch {
		case f == "":
			continue
		case line != "" && len(indent)+markdown.Width(line)+2+markdown.Width(f) > s.columns:
			flush()
		case line != "":
			line += ", "
		}
		line += markdown.Cut(f, s.columns-len(indent))
	}
	flush()
}

// named is a fact with its name, "" where it is blank.
func named(name, value string) string {
	if value = clean(value); value == "" {
		return ""
	}
	return strings.TrimSpace(name + " " + value)
}

// heading is what a row is: its type, and its title.
func heading(kind, typ, title string, state history.State) string {
	kind = cmp.Or(clean(typ), clean(kind))
	if state != history.Kept {
		kind = safetext.Styled(safetext.Bad, "deleted "+kind)
	} else {
		kind = safetext.Styled(safetext.Good, kind)
	}
	return kind + "  " + safetext.Styled(safetext.Bold, clean(title))
}

// rows writes the rows of a chunk, those of one session together.
func (s *sheet) rows(rows []history.Row) {
	var order []string
	bySession := map[string][]*history.Row{}
	add := func(group string, row *history.Row) {
		if _, known := bySession[group]; !known {
			order = append(order, group)
		}
		bySession[group] = append(bySession[group], row)
	}
	for i := range rows {
		row := &rows[i]
		if row.Kind == "relation" || row.State == history.Removed {
			continue
		}
		add(row.Session, row)
	}
	for _, session := range order {
		group := bySession[session]
		if group[0].Kind != "session" && session != "" {
			s.line("session ", safetext.Styled(safetext.Accent, clean(session)), " (not in this chunk)")
			s.line()
		}
		for _, row := range group {
			s.row(row)
		}
	}
	for i := range rows {
		if row := &rows[i]; row.Kind == "relation" || row.State == history.Removed {
			s.row(row)
		}
	}
}

// row writes a row with its text.
func (s *sheet) row(row *history.Row) {
	const indent = "    "
	if row.Kind == "session" && row.State == history.Kept {
		s.line("session ", safetext.Styled(safetext.Accent, clean(row.ID)))
		s.facts("", named("project", row.Project), named("in", row.Directory), named("started", clock(row.CreatedAt)), named("ended", clock(row.UpdatedAt)))
		s.line()
		s.text(row.Content, indent)
		return
	}
	title := row.Title
	if row.Kind == "relation" && row.State == history.Kept && s.titles != nil {
		title = history.Related(row.Source, row.Relation, row.Target, s.titles)
	}
	if row.Kind == "prompt" && title == "" && row.State == history.Kept {
		title = clock(row.CreatedAt)
	}
	s.line("  ", strings.TrimRight(markdown.Cut(heading(row.Kind, row.Type, title, row.State), s.columns-2), " "))
	id := row.ID
	if row.Derived {
		id = "without an id (" + id + ")"
	}
	updated := ""
	if row.UpdatedAt != row.CreatedAt {
		updated = named("changed", clock(row.UpdatedAt))
	}
	made := ""
	if row.State != history.Removed {
		made = clock(row.CreatedAt)
	}
	revision := ""
	if row.Revision > 1 {
		revision = fmt.Sprintf("revision %d", row.Revision)
	}
	scope := row.Scope
	if scope == "project" {
		scope = ""
	}
	s.facts(indent, clean(id), made, updated, named("deleted", clock(row.DeletedAt)), revision, named("project", row.Project), named("scope", scope),
		named("topic", row.Topic), named("tool", row.Tool), named("review after", clock(row.Review)), s.end("from", row.Source), s.end("to", row.Target), named("", row.Judgment), named("by", row.Actor))
	s.line()
	if row.State != history.Removed {
		s.text(row.Content, indent)
	}
}

// end is the id of what a relation relates, where its title stands above.
func (s *sheet) end(name, id string) string {
	if s.titles[id] == "" {
		return ""
	}
	return named(name, id)
}

// text writes a text and an empty line, if there is one.
func (s *sheet) text(text, indent string) {
	if strings.TrimSpace(text) != "" {
		s.body(text, indent)
		s.line()
	}
}

// countsText is "1 session, 5 memories, 1 prompt".
func countsText(e engram.ChunkEntry) string {
	var parts []string
	for _, kind := range []struct {
		n    int
		noun string
	}{{e.Sessions, "session"}, {e.Memories, "memory"}, {e.Prompts, "prompt"}} {
		if kind.n > 0 {
			parts = append(parts, terminal.Count(kind.n, kind.noun))
		}
	}
	return strings.Join(parts, ", ")
}

// newest is the time of the newest row, 0 if none tells.
func newest(rows []history.Row) (at int64) {
	for i := range rows {
		at = max(at, rows[i].Moment())
	}
	return at
}

// contents is the entry that a chunk with these rows would have.
func contents(id engram.ChunkID, rows []history.Row) engram.ChunkEntry {
	e := engram.ChunkEntry{ID: id}
	for _, row := range rows {
		switch {
		case row.State == history.Removed:
		case row.Kind == "session":
			e.Sessions++
		case row.Kind == "observation":
			e.Memories++
		case row.Kind == "prompt":
			e.Prompts++
		}
	}
	return e
}

// writtenAt is when a chunk was written. An entry that says 1970 does not tell: then it is the time of the newest row, if that is known.
func writtenAt(e engram.ChunkEntry, newest int64) string {
	if at := e.Time(); newest == 0 || at.After(time.Unix(0, 0).Add(24*time.Hour)) {
		return e.CreatedAt
	}
	return engram.FormatTime(time.Unix(0, newest))
}

// written is who wrote a chunk, and when.
func written(e engram.ChunkEntry, newest int64, listed bool) string {
	if !listed {
		return "in no manifest"
	}
	return strings.TrimSpace("by " + cmp.Or(clean(e.CreatedBy), "nobody") + ", " + clock(writtenAt(e, newest)) + " UTC")
}

// shown prints a result: a document in JSON mode, else what fill writes.
func (l *looker) shown(doc any, fill func(*sheet)) error {
	return l.term.Result(doc, func(io.Writer) error {
		s := newSheet(l.term)
		fill(s)
		return s.Flush()
	})
}
