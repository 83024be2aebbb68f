package arrival

import (
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/words"
)

// Line gives chunks their stages one after the other, as they become known: those that
// Arrange would give them together with all that come behind.
type Line struct {
	*Order
	rows     map[uint64]said
	sessions map[string]int // the first stage in which one is there
}

// NewLine is one in which nobody stands yet.
func NewLine() *Line { return newLine(newOrder()) }

func newLine(o *Order) *Line {
	return &Line{Order: o, rows: map[uint64]said{}, sessions: map[string]int{}}
}

// Next gives the parts of the next chunk their stages; chunks come in the order of their times
// and ids. ok is false, and it is the end of the line, where one needs a session that nothing before it
// brings: what does so, and may be another chunk, would have to go first.
func (l *Line) Next(id engram.ChunkID, mentions []words.Mention, parts []Chunk) (stages []int, ok bool) {
	l.note(id, mentions)
	for _, part := range parts {
		if slices.ContainsFunc(part.Needs, func(session string) bool { _, there := l.sessions[session]; return !there }) {
			return nil, false
		}
		stages = append(stages, l.stage(part))
	}
	return stages, true
}

// stage puts a chunk behind all others, and gives the stage in which it can go.
func (l *Line) stage(c Chunk) int {
	mentions := l.mentioned(c.ID)
	stage := max(rowStage(l.rows, mentions), sessionStage(l.sessions, c.Needs))
	for _, m := range mentions {
		l.rows[m.Row] = l.rows[m.Row].with(m, stage)
	}
	for _, session := range c.Provides {
		if first, ok := l.sessions[session]; !ok || stage < first {
			l.sessions[session] = stage
		}
	}
	return stage
}

func (o *Order) mentioned(id engram.ChunkID) []words.Mention {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mentions[id]
}

// said is what the chunks so far say of a row: the last thing, the stage in which the last
// of them says so, and that behind which all of them have to be. Stages count from 1 here.
type said struct {
	says        uint64
	last, after int32
}

func (s said) with(m words.Mention, stage int) said {
	if s.last > 0 && s.says == m.Says {
		s.last = max(s.last, int32(stage+1))
		return s
	}
	return said{says: m.Says, last: int32(stage + 1), after: s.last}
}

// rowStage is the first stage in which nothing comes before what it has to follow.
func rowStage(rows map[uint64]said, mentions []words.Mention) (stage int) {
	for _, m := range mentions {
		s := rows[m.Row]
		if s.says == m.Says {
			stage = max(stage, int(s.after))
		} else {
			stage = max(stage, int(s.last))
		}
	}
	return stage
}

func sessionStage(first map[string]int, needs []string) (stage int) {
	for _, session := range needs {
		if at, ok := first[session]; ok {
			stage = max(stage, at+1)
		}
	}
	return stage
}
