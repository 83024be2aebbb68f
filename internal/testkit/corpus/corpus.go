// Package corpus makes chunk directories shaped like those that people have: the
// same kinds of defects, about as often. It knows of each row what has to become of
// it, so that a test can account for all of them. The same directories come out
// every time. Only tests import it.
package corpus

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Fate is what has to become of a row that is pushed to a project server.
type Fate string

// The fates.
const (
	Arrives  Fate = "arrives"
	Mended   Fate = "arrives mended"
	LeftOut  Fate = "is left out" // there is nothing to send: it has no content
	Personal Fate = "is personal"
	Foreign  Fate = "is another project's"
)

// Row is one row of a directory.
type Row struct {
	// Key is where the row is found again: the id of a session, the content of any other.
	Key  string
	Fate Fate
}

// Chunk is one chunk of a directory.
type Chunk struct {
	Entry  engram.ChunkEntry
	Text   []byte
	Orphan bool // the manifest does not name it
}

// Directory is the chunk directory of one repository.
type Directory struct {
	Name string
	// Project is that of its rows; another than Name if the repository was renamed.
	Project string
	Chunks  []Chunk
	Rows    []Row
	// MissingSessions is how many sessions rows name and no chunk has.
	MissingSessions int
	// ForeignEntries are how many entries of the manifest are not engram's.
	ForeignEntries int
}

// Size is how many directories there are, and Blank in how many of them sessions
// have no directory: that was counted in the field.
const Size, Blank = 71, 44

// Directories are all of them.
func Directories() []Directory {
	all := make([]Directory, Size)
	for i := range all {
		all[i] = directory(i)
	}
	return all
}

// Sample are a few that have every kind of defect, and one that has none.
func Sample() []Directory {
	var some []Directory
	for _, i := range []int{0, 3, 4, 5, 7, 10, 48} {
		some = append(some, directory(i))
	}
	return some
}

// traits are the defects of one directory.
type traits struct {
	blank     bool // sessions have no directory
	orphans   bool // two chunk files are in no manifest
	foreignID bool // somebody else wrote an entry of their own
	renamed   bool // all rows are of an older name
	lost      bool // a prompt names a session that is in no chunk
	nameless  bool // rows have no sync_id
	personal  bool
	empty     bool // a memory has no content
	mixed     bool // rows of another project are among them
}

func traitsOf(i int) traits {
	return traits{
		blank: i < Blank, orphans: i%18 == 3, foreignID: i == 10 || i == 50, renamed: i%8 == 5, lost: i%6 == 1,
		nameless: i%5 == 2, personal: i%7 == 4, empty: i%9 == 0, mixed: i%12 == 7,
	}
}

// writer makes one directory.
type writer struct {
	Directory
	traits
	dice *rand.Rand
	rows engram.ChunkRows // of the chunk that is being made
	next int              // counts rows
}

func directory(i int) Directory {
	w := writer{traits: traitsOf(i), dice: rand.New(rand.NewPCG(11, uint64(i)))} //nolint:gosec // the same every time
	w.Name = fmt.Sprintf("repo-%02d", i)
	w.Project = w.Name
	if w.renamed {
		w.Project += "-old"
	}
	chunks := 3 + w.dice.IntN(9)
	for c := range chunks {
		w.chunk(c)
		w.Chunks[c].Orphan = w.orphans && c >= chunks-2
	}
	if w.foreignID {
		w.ForeignEntries = 1
	}
	return w.Directory
}

// chunk makes one session and its rows, as an export of engram would.
func (w *writer) chunk(c int) {
	session := w.session(fmt.Sprintf("%s-s%d", w.Name, c), w.Project)
	for range 2 + w.dice.IntN(9) {
		w.observation(session, w.Project, "project", w.text())
	}
	for range w.dice.IntN(3) {
		w.prompt(session)
	}
	if c == 0 {
		w.odd(session)
	}
	text, err := engram.EncodeChunk(w.rows)
	if err != nil {
		panic(err) // plain data
	}
	w.Chunks = append(w.Chunks, Chunk{Text: text, Entry: engram.ChunkEntry{
		ID: engram.IDOf(sha256.Sum256(text)), CreatedBy: "dev", CreatedAt: fmt.Sprintf("2026-10-%02dT09:00:00Z", c+1),
		Sessions: len(w.rows.Sessions), Memories: len(w.rows.Observations), Prompts: len(w.rows.Prompts),
	}})
	w.rows = engram.ChunkRows{}
}

// odd adds the rows that not every chunk has.
func (w *writer) odd(session string) {
	if w.lost {
		w.prompt(w.Name + "-gone")
		w.MissingSessions = 1
	}
	if w.personal {
		w.observation(session, w.Project, "personal", w.text())
	}
	if w.empty {
		w.observation(session, w.Project, "project", " ")
	}
	if w.mixed {
		other := w.session(w.Name+"-other", w.Name+"-neighbour")
		w.observation(other, w.Name+"-neighbour", "project", w.text())
	}
}

func (w *writer) session(id, project string) string {
	s := engram.Session{ID: id, Project: project, Directory: "/home/dev/" + w.Name, StartedAt: "2026-10-01 08:00:00"}
	fate := Arrives
	if w.blank {
		s.Directory, fate = "", Mended
	}
	w.rows.Sessions = append(w.rows.Sessions, s)
	w.note(id, project, fate)
	return id
}

func (w *writer) observation(session, project, scope, content string) {
	o := engram.Observation{
		ID: int64(w.next), SyncID: w.name("obs"), SessionID: session, Type: "decision", Title: "What was decided", Content: content,
		Project: &project, Scope: scope, RevisionCount: 1, CreatedAt: "2026-10-01 08:00:00", UpdatedAt: "2026-10-01 08:00:00",
	}
	fate := w.fate()
	switch {
	case scope == "personal":
		fate = Personal
	case content == " ":
		fate = LeftOut
	}
	w.rows.Observations = append(w.rows.Observations, o)
	w.note(content, project, fate)
}

func (w *writer) prompt(session string) {
	p := engram.Prompt{ID: int64(w.next), SyncID: w.name("prompt"), SessionID: session, Content: w.text(), Project: w.Project, CreatedAt: "2026-10-01 08:00:00"}
	w.rows.Prompts = append(w.rows.Prompts, p)
	w.note(p.Content, w.Project, w.fate())
}

// text is what no other row says.
func (w *writer) text() string {
	w.next++
	return fmt.Sprintf("%s: row %d", w.Name, w.next)
}

func (w *writer) name(kind string) string {
	if w.nameless {
		return ""
	}
	return fmt.Sprintf("%s-%s-%d", kind, w.Name, w.next)
}

// fate is that of a row which lacks no more than its identity.
func (w *writer) fate() Fate {
	if w.nameless {
		return Mended
	}
	return Arrives
}

func (w *writer) note(key, project string, fate Fate) {
	if project != w.Project {
		fate = Foreign
	}
	w.Rows = append(w.Rows, Row{key, fate})
}

// Count is how many rows have one of the fates.
func (d Directory) Count(fates ...Fate) int {
	n := 0
	for _, r := range d.Rows {
		for _, f := range fates {
			if r.Fate == f {
				n++
			}
		}
	}
	return n
}

// Manifest is its manifest.json.
func (d Directory) Manifest() ([]byte, error) {
	chunks := []any{}
	for _, c := range d.Chunks {
		if !c.Orphan {
			chunks = append(chunks, c.Entry)
		}
	}
	for range d.ForeignEntries {
		chunks = append(chunks, map[string]any{"id": "2b1c7a52-7a0c-4f4e-9d53-0d1f5a4e8c11", "created_by": "agent", "file": "notes.json"})
	}
	return json.MarshalIndent(map[string]any{"version": 1, "chunks": chunks}, "", "  ")
}
