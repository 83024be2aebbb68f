package mutations

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// pullSummary is what mutations pull says about itself in JSON mode, on stderr:
// stdout is for the rows.
type pullSummary struct {
	Schema  int `json:"schema"`
	Summary struct {
		Remote  string `json:"remote"`
		Rows    int    `json:"rows"`
		Late    int    `json:"late"`
		LeftOut int    `json:"left_out"`
		Unasked int    `json:"unasked"`
		Unread  int    `json:"unreadable"`
		Cursor  int64  `json:"cursor"`
		Saved   bool   `json:"saved"`
		More    bool   `json:"more"`
	} `json:"summary"`
}

// tell says what a round did. One that failed, or that comes after others, has
// something to say only if it gave out rows.
func (p *pull) tell(r journal.PullResult, err error) {
	if r.WindowCut {
		p.term.Warn("more rows were written within ten minutes than are read again: a row that becomes visible late among them is found by --rescan only")
	}
	if r.Evicted > 0 {
		p.term.Warn(terminal.Count(r.Evicted, "row") + " that were read once are not in the journal any more: should they come back, they are given out again")
	}
	if r.Unreadable > 0 {
		more := ""
		if r.Unreadable > 1 {
			more = fmt.Sprintf(", and %d more", r.Unreadable-1)
		}
		p.term.Warn("the journal holds what cannot be read, row " + r.Unread + more + ": left out, and the rest went on")
	}
	if err == nil && !r.Full && r.Skipped+r.Unreadable == 0 && len(p.types) > 0 { // else other rows may have them
		command.WarnOfTypes(p.term, "the journal has", p.wants.Types(), slices.Sorted(maps.Keys(p.types)))
	}
	if (err != nil || p.rounds > 1) && r.Rows == 0 {
		return
	}
	if !p.term.JSON {
		p.term.Note("%s", p.summary(r))
		return
	}
	if p.term.Quiet {
		return
	}
	doc := pullSummary{Schema: terminal.Schema}
	doc.Summary.Remote, doc.Summary.Rows, doc.Summary.Late, doc.Summary.LeftOut = p.conn.Label, r.Rows, r.Late, r.Skipped
	doc.Summary.Unasked, doc.Summary.Unread = r.Unasked, r.Unreadable
	doc.Summary.Cursor, doc.Summary.Saved, doc.Summary.More = r.Cursor.Last.Seq, p.from == nil, r.Full
	terminal.PrintJSON(p.term.Stderr(), doc)
}

// maxTypes is how many types of a journal are remembered, to name those that are near the one that was asked for.
const maxTypes = 64

// saw remembers the types of a row.
func (p *pull) saw(types []string) {
	for _, kind := range types {
		if p.types != nil && (len(p.types) < maxTypes || slices.Contains(p.wants.Types(), kind)) {
			p.types[kind] = true
		}
	}
}

func (p *pull) summary(r journal.PullResult) string {
	var b strings.Builder
	if r.Rows == 0 {
		b.WriteString("nothing new")
		if !p.wants.IsZero() {
			b.WriteString(" of what was asked for")
		}
	} else {
		b.WriteString("pulled " + terminal.Count(r.Rows, "mutation"))
	}
	if r.Late > 0 {
		fmt.Fprintf(&b, ", %d of them became visible late", r.Late)
	}
	if r.Skipped > 0 {
		fmt.Fprintf(&b, ", left out %d of other projects", r.Skipped)
	}
	if r.Unasked > 0 {
		fmt.Fprintf(&b, ", left out %d by --include and --exclude", r.Unasked)
	}
	fmt.Fprintf(&b, "; journal read to %d on %s", r.Cursor.Last.Seq, p.conn.Called)
	if r.Full {
		b.WriteString(", where it goes on")
	}
	return b.String()
}
