package look

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const showLong = `Show what is in chunks, as readable text: sessions, memories, prompts, relations and
deletions. Without an argument: the newest chunk of the chunk directory.

An argument is one of

    CHUNK-ID   a chunk of the directory, or the first two or more digits of its id
    FILE       a chunk file, wherever it lies; its bytes may be gzip or plain JSON
    -          the same from stdin
    ID         the sync id of a memory, a prompt or a relation, or the id of a session:
               its newest text, and which chunk changed what in it

A chunk whose bytes do not fit its id is shown all the same, and the exit code is 7.
Nothing is changed. On a terminal a pager shows the text: ENGRAM_SYNC_PAGER, else PAGER,
else less; --no-pager, cat or an empty variable is none. For ID what chunks say is kept
in an index in the cache directory, as with log and search.

--textconv is for git, as the textconv of a diff driver: text that is the same at any time
and on any machine, and exit code 0 with a line that says so where the file is damaged.`

type show struct {
	*looker
	textconv bool
}

// NewShow makes the command show.
func NewShow(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	s := &show{}
	cmd := &cobra.Command{
		Use:     "show [CHUNK-ID|FILE|-|ID]...",
		Short:   "Show chunks, or a memory and its history, as text",
		Long:    problem.Help(showLong, problem.Local, problem.Damaged),
		Example: "  engram-sync show\n  engram-sync show 7f82\n  engram-sync show obs-7c1d\n  git show HEAD~3:.engram/chunks/7f822b00.jsonl.gz | engram-sync show -",
		RunE: func(cmd *cobra.Command, words []string) error {
			ws.OnlyLook()
			if s.textconv {
				if len(words) != 1 {
					return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--textconv takes just one file")}
				}
				return s.convert(words[0])
			}
			return s.run(cmd.Context(), words)
		},
	}
	s.looker = newLooker(term, ws, cmd)
	cmd.Flags().BoolVar(&s.textconv, "textconv", false, "write what git compares in place of a chunk file")
	return cmd
}

// showDocument is what show prints in JSON mode.
type showDocument struct {
	Schema   int           `json:"schema"`
	Chunks   []shownChunk  `json:"chunks"`
	Memories []shownMemory `json:"memories"`
	Failed   []failedItem  `json:"failed"`

	order []func(*sheet) // in that of the arguments
	fails []work.Failure
}

// shownChunk is a chunk in full.
type shownChunk struct {
	entry
	File string        `json:"file,omitempty"` // that it was read from, if it was named
	Rows []history.Row `json:"rows"`
}

var aPrefix = regexp.MustCompile(`^[0-9a-f]{2,8}$`)

// run shows what words stand for.
func (s *show) run(ctx context.Context, words []string) error {
	doc := &showDocument{Schema: terminal.Schema, Chunks: []shownChunk{}, Memories: []shownMemory{}}
	if len(words) == 0 {
		words = []string{""}
	}
	for _, word := range words {
		if err := s.find(ctx, doc, word); err != nil {
			return err
		}
	}
	doc.Failed = failedItems(doc.fails)
	end := s.page(ctx)
	err := s.shown(doc, func(sheet *sheet) {
		for i, write := range doc.order {
			if i > 0 {
				sheet.line()
			}
			write(sheet)
		}
	})
	end()
	if err != nil {
		return err
	}
	return s.end(doc.fails)
}

// find adds what a word stands for to the document.
func (s *show) find(ctx context.Context, doc *showDocument, word string) error {
	if word == "-" {
		rows, id, err := s.readStream(s.term.Stdin, "stdin")
		return doc.addFile("", rows, id, err)
	}
	isFile := func() bool {
		info, err := os.Stat(word)
		return err == nil && !info.IsDir()
	}
	if word == "" || aPrefix.MatchString(word) {
		found, err := s.chunk(ctx, doc, word)
		if found || err != nil && !isFile() {
			return err
		}
	}
	if isFile() || strings.HasSuffix(word, ".gz") || strings.ContainsRune(word, os.PathSeparator) {
		rows, id, err := s.readFile(word)
		return doc.addFile(word, rows, id, err)
	}
	return s.memory(ctx, doc, word)
}

// addFile adds what was read of a file or of stdin: one that cannot be read is an error where nothing of it is known.
func (doc *showDocument) addFile(file string, rows []history.Row, id engram.ChunkID, err error) error {
	if err != nil {
		return err
	}
	c := shownChunk{entry: newEntry(contents(id, rows), false), File: file, Rows: rows}
	doc.add(c, "")
	return nil
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

// add adds a chunk. wrong says what is wrong with it, if anything.
func (doc *showDocument) add(c shownChunk, wrong string) {
	doc.Chunks = append(doc.Chunks, c)
	doc.order = append(doc.order, func(s *sheet) {
		s.line("chunk ", safetext.Styled(safetext.Accent, c.id.String()))
		where := "from " + clean(c.File)
		if c.File == "" {
			where = ""
		}
		if c.Listed || c.here {
			where = written(c.ChunkEntry(), c.Listed)
		}
		s.facts("", where, countsText(c.ChunkEntry()))
		if wrong != "" {
			s.line(safetext.Styled(safetext.Bad, clean(wrong)))
		}
		s.line()
		s.rows(c.Rows)
	})
}

// chunk adds the chunk of the directory that has an id with this beginning, and says whether there is one; "" is the newest.
func (s *show) chunk(ctx context.Context, doc *showDocument, prefix string) (found bool, err error) {
	dir, err := s.ws.OpenDirectory()
	if err != nil {
		return false, err
	}
	m, err := dir.ReadManifest(ctx)
	if err != nil {
		return false, err
	}
	files, _, err := dir.Chunks(ctx)
	if err != nil {
		return false, err
	}
	e, listed, err := choose(m, files, prefix)
	if err != nil || e.ID.IsZero() {
		return false, err
	}
	rows, err := s.readHere(dir, e.ID)
	wrong := ""
	if err != nil {
		doc.fails = append(doc.fails, work.Failure{ID: e.ID.String(), Err: err})
		wrong = err.Error()
		if problem.As[*engram.MismatchError](err) {
			wrong += ": somebody has edited it"
		} else {
			rows = nil
		}
	}
	c := shownChunk{entry: newEntry(e, listed), Rows: slices.Concat([]history.Row{}, rows)}
	c.here = true
	doc.add(c, wrong)
	return true, nil
}

// readHere reads a chunk of a directory. One that was edited comes with its error.
func (s *show) readHere(dir workspace.Directory, id engram.ChunkID) ([]history.Row, error) {
	c, err := dir.OpenChunk(id)
	if err == nil {
		defer func() { _ = c.Close() }() // only read
		rows, err := history.ReadChunk(c)
		if !problem.As[*engram.MismatchError](err) {
			return rows, err
		}
		edited, openErr := dir.OpenEdited(id)
		if openErr != nil {
			return nil, openErr
		}
		defer func() { _ = edited.Close() }() // only read
		rows, readErr := history.ReadChunk(edited)
		if readErr != nil {
			return nil, readErr
		}
		return rows, err
	}
	if errors.Is(err, os.ErrNotExist) {
		err = engram.ErrNoFile
	}
	return nil, err
}

// choose finds the chunk that a prefix stands for; zero if there is none.
func choose(m *engram.Manifest, files []engram.ChunkID, prefix string) (e engram.ChunkEntry, listed bool, err error) {
	var matches []engram.ChunkEntry
	for _, entry := range m.Entries() {
		switch {
		case prefix == "" && (len(matches) == 0 || !entry.Time().Before(matches[0].Time())):
			matches = []engram.ChunkEntry{entry}
		case prefix != "" && strings.HasPrefix(entry.ID.String(), prefix):
			matches = append(matches, entry)
		}
	}
	if prefix == "" && len(matches) == 0 && len(files) == 0 {
		return e, false, workspace.ErrBlank("the chunk directory", "let `engram-sync pull` fill it")
	}
	for _, id := range files {
		if _, known := m.Entry(id); !known && (prefix != "" && strings.HasPrefix(id.String(), prefix) || prefix == "" && len(matches) == 0) {
			matches = append(matches, engram.ChunkEntry{ID: id})
		}
	}
	switch len(matches) {
	case 0:
		return e, false, nil
	case 1:
		_, listed = m.Entry(matches[0].ID)
		return matches[0], listed, nil
	}
	const most = 10
	var named []string
	for _, match := range matches[:min(len(matches), most)] {
		name := match.ID.String()
		if match.CreatedAt != "" {
			name += fmt.Sprintf(" (%s, %s)", clean(match.CreatedBy), clock(match.CreatedAt))
		}
		named = append(named, name)
	}
	if len(matches) > most {
		named = append(named, "…")
	}
	return e, false, terminal.Usagef("%q is the beginning of %d chunk ids: %s: give more digits", prefix, len(matches), strings.Join(named, ", "))
}

// entry is a chunk in JSON.
type entry struct {
	ID        string `json:"id"`
	CreatedBy string `json:"created_by"`
	CreatedAt string `json:"created_at"`
	Sessions  int    `json:"sessions"`
	MemoriesN int    `json:"memories"`
	Prompts   int    `json:"prompts"`
	Listed    bool   `json:"listed"` // in the manifest

	id   engram.ChunkID
	here bool // in the directory
}

func newEntry(e engram.ChunkEntry, listed bool) entry {
	return entry{
		ID: e.ID.String(), CreatedBy: e.CreatedBy, CreatedAt: e.CreatedAt, Sessions: e.Sessions, MemoriesN: e.Memories, Prompts: e.Prompts,
		Listed: listed, id: e.ID,
	}
}

// ChunkEntry is the entry that it was made of.
func (e entry) ChunkEntry() engram.ChunkEntry {
	return engram.ChunkEntry{ID: e.id, CreatedBy: e.CreatedBy, CreatedAt: e.CreatedAt, Sessions: e.Sessions, Memories: e.MemoriesN, Prompts: e.Prompts}
}

// versionsShown is how many versions of a memory are read, the newest of all.
const versionsShown = 100

// memory adds what has an identity that chunks know.
func (s *show) memory(ctx context.Context, doc *showDocument, id string) error {
	return s.within(ctx, func(x index) error {
		places, err := x.Versions(ctx, id)
		if err != nil {
			return err
		}
		if len(places) == 0 {
			like, err := x.Like(ctx, id)
			if err != nil {
				return err
			}
			if len(like) != 1 {
				return unknown(id, like)
			}
			if places, err = x.Versions(ctx, like[0]); err != nil {
				return err
			}
		}
		doc.fails = append(doc.fails, x.failed...)
		for len(places) > 0 {
			n := 1
			for n < len(places) && places[n].Kind == places[0].Kind {
				n++
			}
			m, err := readMemory(ctx, x.src, places[:n])
			if err != nil {
				return err
			}
			doc.Memories = append(doc.Memories, m)
			doc.order = append(doc.order, m.write)
			places = places[n:]
		}
		return nil
	})
}

// unknown says that nothing has a name, and what has one like it.
func unknown(name string, like []string) error {
	if len(like) == 0 {
		return terminal.Usagef("%.60q is no chunk, no file and no id of a memory in a chunk: `engram-sync log` lists the chunks, `engram-sync search` finds memories", name)
	}
	for i := range like {
		like[i] = safetext.Line(like[i], 60)
	}
	return terminal.Usagef("%.60q is the beginning of several ids: %s", name, strings.Join(like, ", "))
}

// shownMemory is a memory with its history, the newest version first.
type shownMemory struct {
	Kind     string         `json:"kind"`
	ID       string         `json:"id"`
	Deleted  bool           `json:"deleted"`
	Newest   *history.Row   `json:"newest"` // null where no chunk has a text any more
	Chunk    string         `json:"chunk"`  // that has it
	Versions []shownVersion `json:"versions"`
	Older    int            `json:"older"` // versions that are not listed
}

// shownVersion is what one chunk says of a memory.
type shownVersion struct {
	Chunk     string        `json:"chunk"`
	CreatedBy string        `json:"created_by"`
	CreatedAt string        `json:"created_at"`
	Listed    bool          `json:"listed"`
	State     history.State `json:"state"`
	Changes   []string      `json:"changes"`
	Row       *history.Row  `json:"row"`
}

// readMemory reads the versions of one identity out of their chunks.
func readMemory(ctx context.Context, src memoryindex.Source, places []memoryindex.Place) (m shownMemory, err error) {
	m = shownMemory{Kind: places[0].Kind, ID: places[0].Identity.ID, Versions: []shownVersion{}}
	slices.SortFunc(places, func(a, b memoryindex.Place) int { return a.Version.Compare(b.Version) })
	m.Older = max(0, len(places)-versionsShown)
	var versions []history.Version
	var before *history.Row
	read := map[engram.ChunkID][]*history.Row{}
	for i, p := range places {
		versions = append(versions, p.Version)
		if i < m.Older-1 { // what the oldest one that is listed changed shows beside the one before it
			continue
		}
		id := p.ChunkEntry.ID
		if _, known := read[id]; !known {
			err := src.Read(ctx, id, func(c *engram.Chunk) error {
				rows, err := history.ReadChunk(c)
				for i := range rows {
					if rows[i].Of() == p.Identity {
						read[id] = append(read[id], &rows[i])
					}
				}
				return err
			})
			if err != nil {
				return m, err
			}
		}
		if len(read[id]) == 0 {
			return m, fmt.Errorf("chunk %s has changed meanwhile: run the same command again", id)
		}
		row := read[id][0]
		read[id] = slices.Concat(read[id][1:], read[id][:1]) // the next one of the same chunk
		if i >= m.Older {
			m.Versions = append(m.Versions, shownVersion{
				Chunk: id.String(), CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt, Listed: p.Listed, State: row.State, Changes: history.Changes(before, row), Row: row,
			})
		}
		if row.State != history.Removed || before == nil {
			before = row
		}
	}
	at, gone := history.Newest(versions)
	m.Deleted = gone
	if at >= m.Older {
		v := m.Versions[at-m.Older]
		m.Newest, m.Chunk = v.Row, v.Chunk
	}
	slices.Reverse(m.Versions)
	return m, nil
}

// write shows the newest text, and behind it who changed what.
func (m shownMemory) write(s *sheet) {
	if m.Newest != nil {
		row := *m.Newest
		if m.Deleted {
			row.State = history.Deleted
		}
		s.row(&row)
	} else {
		s.line("  ", heading(m.Kind, "", m.ID, history.Removed))
		s.line()
	}
	s.line(safetext.Styled(safetext.Bold, "History"))
	for _, v := range m.Versions {
		e := engram.ChunkEntry{CreatedBy: v.CreatedBy, CreatedAt: v.CreatedAt}
		changes := strings.Join(v.Changes, ", ")
		if v.Row != nil && v.Changes[0] != "new" && v.Changes[0] != "unchanged" && v.State == history.Kept {
			changes = "changed " + changes
		}
		s.line("    ", safetext.Styled(safetext.Accent, v.Chunk), "  ", written(e, v.Listed), ": ", changes)
	}
	if m.Older > 0 {
		s.line("    ", terminal.Count(m.Older, "older version"), " not listed")
	}
}
