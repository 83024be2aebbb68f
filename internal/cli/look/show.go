package look

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/look/places"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
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
else less; --no-pager, cat or an empty variable is none. For ID, and for the titles of what
a relation relates, what chunks say is kept in an index in the cache directory, as with log.

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
		Example: "  engram-sync show\n  engram-sync show 7f82\n  engram-sync show obs-86a01d784ee23c9d\n  git show HEAD~3:.engram/chunks/7f822b00.jsonl.gz | engram-sync show -",
		// In place of the root's: git calls --textconv, where a mistake in a settings file must not be in the way.
		PersistentPreRunE: func(cmd *cobra.Command, words []string) error {
			if s.textconv {
				return ws.ChangeDirectory()
			}
			return cmd.Root().PersistentPreRunE(cmd, words)
		},
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

var aPrefix = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{2,8}$`) })

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
		rows, id, err := places.ReadStream(s.ws, s.term.Stdin, "stdin")
		return doc.addFile("", rows, id, err)
	}
	isFile := func() bool {
		info, err := os.Stat(word)
		return err == nil && !info.IsDir()
	}
	if word == "" || aPrefix().MatchString(word) {
		found, err := s.chunk(ctx, doc, word)
		if found || err != nil && !isFile() {
			return err
		}
	}
	if isFile() || strings.HasSuffix(word, ".gz") || strings.ContainsRune(word, os.PathSeparator) {
		rows, id, err := places.ReadFile(s.ws, word)
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
	doc.add(c, "", nil)
	return nil
}

// add adds a chunk. wrong says what is wrong with it, if anything; titles are those of what its relations relate.
func (doc *showDocument) add(c shownChunk, wrong string, titles map[string]string) {
	doc.Chunks = append(doc.Chunks, c)
	doc.order = append(doc.order, func(s *sheet) {
		s.line("chunk ", safetext.Styled(safetext.Accent, c.id.String()))
		where := "from " + clean(c.File)
		if c.File == "" {
			where = ""
		}
		if c.Listed || c.here {
			where = written(c.ChunkEntry(), newest(c.Rows), c.Listed)
		}
		s.facts("", where, countsText(c.ChunkEntry()))
		if wrong != "" {
			s.line(safetext.Styled(safetext.Bad, clean(wrong)))
		}
		s.line()
		s.titles = titles
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
	files, err := candidates(ctx, dir, m, prefix)
	if err != nil {
		return false, err
	}
	e, listed, err := choose(m, files, prefix)
	if err != nil || e.ID.IsZero() {
		return false, err
	}
	rows, err := places.Directory{Directory: dir}.Rows(ctx, e.ID)
	wrong := ""
	if err != nil {
		doc.fails = append(doc.fails, work.Failure{ID: e.ID.String(), Err: err})
		wrong = err.Error()
		if problem.As[*engram.MismatchError](err) {
			wrong += ": somebody has edited it"
		} else {
			rows = nil
		}
	} else {
		has := contents(e.ID, rows) // the manifest may say something else
		e.Sessions, e.Memories, e.Prompts = has.Sessions, has.Memories, has.Prompts
	}
	c := shownChunk{entry: newEntry(e, listed), Rows: slices.Concat([]history.Row{}, rows)}
	c.here = true
	var titles map[string]string
	if ends := history.Ends(c.Rows); len(ends) > 0 {
		_ = s.within(ctx, func(x index) (err error) { // without it the ids stand there
			titles, err = x.Titles(ctx, ends)
			return err
		})
	}
	doc.add(c, wrong, titles)
	return true, context.Cause(ctx)
}

// candidates are the chunk files that a prefix may stand for: none is looked for where the manifest says all, and a whole id
// is that of one.
func candidates(ctx context.Context, dir workspace.Directory, m *engram.Manifest, prefix string) ([]engram.ChunkID, error) {
	if prefix == "" && len(m.Entries()) > 0 {
		return nil, nil
	}
	id, err := engram.ParseChunkID(prefix)
	if err != nil {
		files, _, err := dir.Chunks(ctx)
		return files, err
	}
	has, err := dir.HasChunk(id)
	if !has {
		return nil, err
	}
	return []engram.ChunkID{id}, nil
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
