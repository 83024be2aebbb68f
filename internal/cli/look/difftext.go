package look

import (
	"fmt"
	"strings"

	"github.com/engram-sync/engram-sync/internal/difference"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/secret"
)

// write shows the changes in groups.
func (doc *diffDocument) write(s *sheet, stat, oneline bool) {
	switch {
	case len(doc.Counts) == 0:
		return
	case stat:
		for _, c := range doc.Counts {
			s.line(clean(c.Kind), ": ", countsOf(c))
		}
		return
	case oneline:
		for _, c := range doc.Changes {
			s.line(markdown.Cut(signOf(c.Change)+"  "+clean(c.ID)+"  "+heading(c.Kind, c.Type, c.Title, history.Kept), s.columns))
		}
		return
	}
	s.line(safetext.Styled(safetext.Faint, "from "+clean(doc.From.Name)+" to "+clean(doc.To.Name)))
	last := difference.Kind("")
	for i := range doc.Changes {
		c := &doc.Changes[i]
		if c.Change != last {
			last = c.Change
			s.line()
			s.line(safetext.Styled(safetext.Bold, strings.ToUpper(string(last[:1]))+string(last[1:])))
		}
		c.write(s)
	}
}

// countsOf is "2 added, 1 edited".
func countsOf(c diffCount) string {
	var parts []string
	for _, of := range []struct {
		n    int
		what difference.Kind
	}{{c.Added, difference.Added}, {c.Edited, difference.Edited}, {c.Deleted, difference.Deleted}} {
		if of.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", of.n, of.what))
		}
	}
	return strings.Join(parts, ", ")
}

// signOf is the letter that git has for a change.
func signOf(kind difference.Kind) string {
	switch kind {
	case difference.Added:
		return safetext.Styled(safetext.Good, "A")
	case difference.Deleted:
		return safetext.Styled(safetext.Bad, "D")
	}
	return "M"
}

// write shows what became of one memory.
func (c *diffChange) write(s *sheet) {
	const indent = "    "
	s.line("  ", markdown.Cut(heading(c.Kind, c.Type, c.Title, history.Kept), s.columns-2))
	before, after := c.Before.text(), c.After.text()
	where := before
	switch {
	case before == "":
		where = after
	case after != "" && after != before:
		where = before + ", then " + after
	}
	absent := ""
	if c.Absent {
		absent = "not deleted, but not there"
	}
	s.facts(indent, clean(c.ID), named("project", c.Project), where, absent, strings.Join(c.Changes, ", "))
	if c.was == nil {
		return
	}
	for _, name := range c.Changes {
		if name == "content" {
			continue
		}
		for _, of := range []struct {
			sign, mark string
			row        *history.Row
		}{{"-", safetext.Bad, c.was}, {"+", safetext.Good, c.is}} {
			if value := clean(of.row.Member(name)); value != "" {
				s.line(indent, safetext.Styled(of.mark, of.sign+name+": "+value))
			}
		}
	}
	for line := range strings.Lines(secret.Redact(c.Diff)) {
		line = safetext.Escape(strings.TrimRight(line, "\r\n"))
		switch {
		case strings.HasPrefix(line, "@@"):
			line = safetext.Styled(safetext.Accent, line)
		case strings.HasPrefix(line, "+"):
			line = safetext.Styled(safetext.Good, line)
		case strings.HasPrefix(line, "-"):
			line = safetext.Styled(safetext.Bad, line)
		}
		s.line(strings.TrimRight(indent+line, " "))
	}
}

// text is which chunk it is, and who wrote it; "" for none.
func (p *diffPlace) text() string {
	switch {
	case p == nil:
		return ""
	case p.Chunk == "":
		return "engram.db"
	}
	return strings.TrimSpace("chunk " + p.Chunk + " " + named("by", p.CreatedBy))
}
