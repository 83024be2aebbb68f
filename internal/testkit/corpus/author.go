package corpus

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Author writes memories as agents do: sentences about code, with paths, commits and figures in
// them. They compress as real ones do, to a third or less, which random letters would not. A seed
// gives the same text every time.
type Author struct {
	dice *rand.Rand
	rows int64 // counts rows
}

// NewAuthor is the author that the seed gives.
func NewAuthor(seed uint64) *Author {
	return &Author{dice: rand.New(rand.NewPCG(15, seed))} //nolint:gosec // the same every time
}

// Text is a text of so many bytes, made of whole sentences but for the last.
func (a *Author) Text(bytes int) string {
	var b strings.Builder
	b.Grow(bytes + 100)
	for b.Len() < bytes {
		a.sentence(&b)
	}
	return b.String()[:max(bytes, 0)] // plain ASCII: no character is cut
}

// sentence adds one, and now and then a new line behind it.
func (a *Author) sentence(b *strings.Builder) {
	first := a.word()
	b.WriteString(strings.ToUpper(first[:1]) + first[1:])
	for range 5 + a.dice.IntN(12) {
		b.WriteByte(' ')
		switch a.dice.IntN(40) {
		case 0:
			fmt.Fprintf(b, "`%s/%s.go:%d`", a.word(), a.word(), a.dice.IntN(900))
		case 1:
			fmt.Fprintf(b, "%s_%s()", a.word(), a.word())
		case 2:
			b.WriteString(strconv.Itoa(a.dice.IntN(5000)))
		case 3:
			fmt.Fprintf(b, "%07x", a.dice.Uint32()>>4)
		default:
			b.WriteString(a.word())
		}
	}
	b.WriteString([]string{". ", ".\n", ": ", ".\n- "}[a.dice.IntN(4)])
}

// word takes those at the head of the list more often, as a language does.
func (a *Author) word() string {
	r := a.dice.Float64()
	return words[int(r*r*r*float64(len(words)))]
}

// What a row takes beside its text, about; and the text of one memory of many.
const (
	sessionBytes, memoryBytes = 130, 310
	memoryText                = 1600
)

// Chunk is a chunk of about so many bytes: a session, and as many memories as it takes.
func (a *Author) Chunk(session string, bytes int) engram.ChunkRows {
	rows := engram.ChunkRows{Sessions: []engram.Session{a.Session(session)}}
	for left := bytes - sessionBytes; left > 0; left -= memoryBytes + memoryText {
		text := min(left-memoryBytes, memoryText)
		rows.Observations = append(rows.Observations, a.Memory(session, max(text, 20)))
	}
	return rows
}

// Project is that of all that an Author writes.
const Project = "bench"

// Session is one with this id.
func (a *Author) Session(id string) engram.Session {
	return engram.Session{ID: id, Project: Project, Directory: "/home/dev/" + Project, StartedAt: moment}
}

// Memory is an observation of a session, with a text of so many bytes.
func (a *Author) Memory(session string, bytes int) engram.Observation {
	a.rows++
	project := Project
	return engram.Observation{
		ID: a.rows, SyncID: fmt.Sprintf("obs-%016x", a.dice.Uint64()), SessionID: session,
		Type:  []string{"decision", "bugfix", "discovery", "pattern"}[a.dice.IntN(4)],
		Title: a.Text(30 + a.dice.IntN(30)), Content: a.Text(bytes), Project: &project, Scope: "project",
		RevisionCount: 1, DuplicateCount: 1, CreatedAt: moment, UpdatedAt: moment,
	}
}

const moment = "2026-10-01 08:00:00"
