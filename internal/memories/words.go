package memories

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/words"
	"github.com/engram-sync/engram-sync/internal/work"
)

// ChunkFiles are the files of a chunk directory, as the index of what they hold
// wants them. Its methods are called concurrently.
type ChunkFiles interface {
	OpenChunk(id engram.ChunkID) (*engram.Chunk, error)
	// Stamp is a text that differs once the file was written anew, and the size
	// of the file. A missing file gives an error that wraps fs.ErrNotExist.
	Stamp(id engram.ChunkID) (stamp string, size int64, err error)
}

// WordIndex remembers what was read out of chunk files.
type WordIndex interface {
	// Read gives what was added for the same id and stamp.
	Read(id engram.ChunkID, stamp string) ([]words.Word, bool)
	Add(id engram.ChunkID, stamp string, words []words.Word)
}

// ErrTooMuch: more would have to be read than the caller allows.
var ErrTooMuch = errors.New("too much has to be read")

// ReadWords finds out what the chunks that a manifest lists say, in its order. Chunk
// files that the index does not know are read and verified, atOnce at once, if they
// have no more than maxBytes together on disk: else the error wraps ErrTooMuch.
//
// What is missing, damaged or unreadable says nothing, and is in failed. edited says which
// chunks have taken the place of others, since somebody edited those; nil: none has.
func ReadWords(ctx context.Context, files ChunkFiles, entries []engram.ChunkEntry, edited func(engram.ChunkID) bool, index WordIndex, maxBytes int64, atOnce int, report work.Report) (said *Words, failed []work.Failure, err error) {
	chunks := make([]indexedChunk, len(entries))
	var unread []*indexedChunk
	var total int64
	for i, e := range entries {
		c := &chunks[i]
		c.id = e.ID
		var size int64
		if c.stamp, size, c.err = files.Stamp(e.ID); c.err != nil {
			continue
		}
		var known bool
		if c.words, known = index.Read(e.ID, c.stamp); !known {
			unread, total = append(unread, c), total+size
		}
	}
	if total > maxBytes {
		return nil, nil, fmt.Errorf("%w: %d bytes in %d chunk files", ErrTooMuch, total, len(unread))
	}
	report.Tell(work.Event{Kind: work.EventPlan, Items: len(unread)})
	work.EachFile(unread, atOnce, report, func(c *indexedChunk) {
		if ctx.Err() == nil {
			c.words, c.err = readChunk(files, c.id, report)
		}
	})
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	for _, c := range unread {
		if c.err == nil {
			index.Add(c.id, c.stamp, c.words)
		}
	}
	lists := make([][]words.Word, len(chunks))
	for i, c := range chunks {
		lists[i] = c.words
		if errors.Is(c.err, fs.ErrNotExist) {
			c.err = engram.ErrNoFile
		}
		if c.err != nil {
			failed = append(failed, work.Failure{ID: c.id.String(), Err: c.err})
		}
	}
	said = NewWords(lists...)
	for _, c := range chunks {
		if edited != nil && edited(c.id) {
			said.retell(c.words)
		}
	}
	said.directoryOf = func(session engram.RowVersion) (string, error) { return readDirectory(files, chunks, session) }
	return said, failed, nil
}

// readDirectory reads the directory that the last chunk to name one has for a session.
func readDirectory(files ChunkFiles, chunks []indexedChunk, session engram.RowVersion) (directory string, err error) {
	for _, c := range slices.Backward(chunks) {
		if !slices.ContainsFunc(c.words, func(w words.Word) bool { return w.Placed && w.SameRow(session) }) {
			continue
		}
		file, err := files.OpenChunk(c.id)
		if err != nil {
			return "", err
		}
		err = words.ReadSessions(file, func(id string) bool { return engram.HashOf(id) == session.Row }, func(_ string, row json.RawMessage) {
			var s engram.Session
			if json.Unmarshal(row, &s) == nil && strings.TrimSpace(s.Directory) != "" {
				directory = s.Directory
			}
		})
		if err = errors.Join(err, file.Close()); err != nil || directory != "" {
			return directory, err
		}
	}
	return "", nil
}

// indexedChunk is one chunk of a directory.
type indexedChunk struct {
	id    engram.ChunkID
	stamp string
	words []words.Word
	err   error
}

func readChunk(files ChunkFiles, id engram.ChunkID, report work.Report) (said []words.Word, err error) {
	c, err := files.OpenChunk(id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // only read
	report.Watch(c)
	return engram.ReadRows(c, words.Read)
}

// Words are what a set of chunks says: all words on one row stand together, in the
// order in which they were said.
type Words struct {
	words said
	// retold are the words of chunks that somebody edited in place of engram.
	retold map[words.Word]bool
	taken  TakenOut // nil: nothing was
	// directoryOf reads what words do not have; nil where there are no chunk files.
	directoryOf func(session engram.RowVersion) (string, error)
}

func (h *Words) retell(said []words.Word) {
	if h.retold == nil {
		h.retold = map[words.Word]bool{}
	}
	for _, w := range said {
		h.retold[w] = true
	}
}

// directory is that of a session whose directory some chunk has; "" if it cannot be had.
func (h *Words) directory(session engram.RowVersion) (string, error) {
	if h.directoryOf == nil {
		return "", nil
	}
	return h.directoryOf(session)
}

// projectOfSession is the last project that any chunk names for a session.
func (h *Words) projectOfSession(session [8]byte) (project words.ProjectHash) {
	looked := engram.RowVersion{Kind: engram.SessionRow}
	copy(looked.Row[:], session[:])
	from, _ := slices.BinarySearchFunc(h.words, &looked, func(word *words.Word, w *engram.RowVersion) int { return word.CompareRow(w) })
	for _, w := range h.words[from:] {
		if w.Kind != engram.SessionRow || w.Session != session {
			break
		}
		if w.Project != words.NoProject {
			project = w.Project
		}
	}
	return project
}

// NewWords takes the words of each chunk, in the order of the manifest, and keeps the
// slices: there can be many words.
func NewWords(chunks ...[]words.Word) *Words {
	n := 0
	for _, chunk := range chunks {
		n += len(chunk)
	}
	all := make(said, 0, n)
	for _, chunk := range chunks {
		for i := range chunk {
			all = append(all, &chunk[i])
		}
	}
	slices.SortStableFunc(all, func(a, b *words.Word) int { return a.CompareRow(&b.RowVersion) })
	return &Words{words: slices.CompactFunc(all, func(a, b *words.Word) bool { return *a == *b })}
}

// on are the words on the same row as w, the last one last.
func (h *Words) on(w engram.RowVersion) said {
	from, _ := slices.BinarySearchFunc(h.words, &w, func(word *words.Word, w *engram.RowVersion) int { return word.CompareRow(w) })
	return h.run(from, w)
}

// run are the words from first on that are on that row.
func (h *Words) run(first int, row engram.RowVersion) said {
	end := first
	for end < len(h.words) && h.words[end].SameRow(row) {
		end++
	}
	return h.words[first:end]
}

// said are all words on one row.
type said []*words.Word

// last is the word that counts: a session that only came along with its rows does
// not deny its end.
func (s said) last() words.Word {
	last := *s[len(s)-1]
	for i := len(s) - 1; last.Bare && i >= 0; i-- {
		if s[i].Says == words.Removed {
			break
		}
		if !s[i].Bare {
			return *s[i]
		}
	}
	return last
}

// session is the one that the row is in for who reads all chunks: deletions need not name it.
func (s said) session() (named [8]byte) {
	for _, w := range s {
		if w.Session != [8]byte{} {
			named = w.Session
		}
	}
	return named
}

// project is the last one that any word names.
func (s said) project() (named words.ProjectHash) {
	for _, w := range s {
		if w.Project != words.NoProject {
			named = w.Project
		}
	}
	return named
}

// gone says whether nothing of the row is left for who reads all chunks.
func (s said) gone() bool { return len(s) == 0 || s.last().Says == words.Removed }

// stored says whether who reads all chunks has the row: a deletion that comes before
// it stores nothing. Source: local-state.md 1.4.
func (s said) stored() bool { return !s.gone() && s.any(words.Alive) }

// placed says whether who reads all chunks knows the directory of the session.
func (s said) placed() bool {
	return slices.ContainsFunc(s, func(w *words.Word) bool { return w.Placed })
}

func (s said) any(says words.Saying) bool {
	return slices.ContainsFunc(s, func(w *words.Word) bool { return w.Says == says })
}

// tell says whether some chunk said what row does, exactly if it was revised as often.
func (s said) tell(row words.Word) (told, exactly bool) {
	for _, w := range s {
		if w.Tells(row) {
			told, exactly = true, exactly || w.Revision == row.Revision
		}
	}
	return told, exactly
}

// supersede says whether somebody changed the row later than w, and that has not been
// imported here.
func (s said) supersede(w words.Word) bool {
	return slices.ContainsFunc(s, func(k *words.Word) bool { return k.Supersedes(w.RowVersion) })
}

// newest is the latest moment of a state of the row that is no deletion.
func (s said) newest() int64 {
	var newest int64
	for _, w := range s {
		if w.Says != words.Removed {
			newest = max(newest, w.Since)
		}
	}
	return newest
}

// lastRemoved is the latest moment of a deletion for good.
func (s said) lastRemoved() int64 {
	var last int64
	for _, w := range s {
		if w.Says == words.Removed {
			last = max(last, w.Since)
		}
	}
	return last
}
