// Package cursorfile keeps the place of a reader of a journal, and the file that the reader
// writes to. The command that pulls mutations opens it, and gives it to the journal.
package cursorfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"regexp"
	"sync"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/state"
)

// File keeps the place of a reader of a journal: its cursor, the refs of
// all rows that it is done with, and how much of the output file counts. All of
// them change at once, when the cursor is saved. The caller holds the journal's
// lock. Not safe for concurrent use.
type File struct {
	journal *state.AccountState
	name    string        // of its files
	cursor  engram.Cursor // as the reader knows it
	doc     cursorDoc     // as it is on disk

	detached bool
	seen     *seenWriter // nil until something is appended
	output   *Output     // nil unless one is open
	failed   bool        // to save: what is on disk is not known
}

const cursorSchema = 1

// cursorDoc is the content of the file. Recent is in the form of appendRef: with numbers
// as JSON it would be ten times as long, and it is written for each page.
type cursorDoc struct {
	Schema int         `json:"schema"`
	Remote string      `json:"remote"`
	UserID string      `json:"user_id,omitempty"`
	Seq    int64       `json:"seq"`
	Sum    uint32      `json:"sum"`
	Reread int64       `json:"reread"`
	Recent []byte      `json:"recent"`
	Ledger seenLog     `json:"ledger"`
	Output *outputMark `json:"output,omitempty"`
}

var cursorName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)
})

// ErrName means that a cursor cannot be called that.
var ErrName = errors.New("a cursor's name has up to 64 small letters, digits, dots, dashes and underscores, and begins with a letter or digit")

// ErrDamaged means that what was remembered of a reader's place makes no sense.
var ErrDamaged = errors.New("the saved cursor is damaged (--cursor OTHER begins anew)")

// Open reads the cursor with this name; one that was never saved is at the
// beginning. If a run was killed while it wrote to its output file, what that
// run had not finished is cut off. A reader who asks for some rows only has another place
// than who asks for others, or for all: asks tells which, and is "" for all.
func Open(j *state.AccountState, name, asks string) (*File, error) {
	if !cursorName().MatchString(name) {
		return nil, fmt.Errorf("%q: %w", name, ErrName)
	}
	if asks != "" { // a plus is in nobody's name
		sum := sha256.Sum256([]byte(asks))
		name += "+" + hex.EncodeToString(sum[:8])
	}
	c := &File{journal: j, name: name, doc: cursorDoc{Schema: cursorSchema, Remote: j.Remote()}}
	text, err := sharing.ReadFile(c.path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the cursor: %w", err)
	}
	if err == nil {
		if err := c.parse(text); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, c.path(), err)
		}
	}
	return c, c.recover()
}

func (c *File) path() string { return c.journal.Path("pull-" + c.name + ".json") }

func (c *File) seenPath(generation int) string {
	return c.journal.Path(fmt.Sprintf("pull-%s.%d.seen", c.name, generation))
}

func (c *File) parse(text []byte) error {
	doc, err := parseCursor(text)
	if err != nil {
		return err
	}
	c.doc = doc
	c.cursor = engram.Cursor{UserID: c.doc.UserID, Last: engram.JournalRef{Seq: c.doc.Seq, Sum: c.doc.Sum}, LowWatermark: c.doc.Reread}
	before := c.doc.Reread
	for rest := c.doc.Recent; len(rest) > 0; {
		m, n, err := cutRef(rest, before)
		if err != nil {
			return err
		}
		c.cursor.Recent = append(c.cursor.Recent, m)
		before, rest = m.Seq, rest[n:]
	}
	return nil
}

// parseCursor reads what a cursor's file holds. Everything in it was written by
// a Save: what was not is damage, and not the beginning of the journal.
func parseCursor(text []byte) (doc cursorDoc, err error) {
	if err := state.CheckSchema(text, cursorSchema); err != nil {
		return doc, err
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return doc, err
	}
	if doc.Seq < 0 || doc.Reread < 0 || doc.Ledger.Generation < 0 || doc.Ledger.Bytes < 0 || doc.Ledger.Last < 0 ||
		doc.Output != nil && doc.Output.Offset < 0 {
		return doc, errors.New("a number in it is negative")
	}
	return doc, nil
}

// Cursor is where the reader is.
func (c *File) Cursor() engram.Cursor { return c.cursor }

// Detach lets the reader begin somewhere else and go on without the saved cursor
// moving. The output file is remembered all the same.
func (c *File) Detach(from engram.Cursor) { c.detached, c.cursor = true, from }

// Seen gives the rows up to the cursor's LowWatermark that the reader is done with, ascending. The
// last pair is an error, if there is one.
func (c *File) Seen() iter.Seq2[engram.JournalRef, error] {
	return readSeen(c.seenPath(c.doc.Ledger.Generation), c.doc.Ledger)
}

// ResetSeen begins a new log, which replaces the old one with the next Save.
func (c *File) ResetSeen() (err error) {
	if c.detached {
		return nil
	}
	if err := c.Close(); err != nil {
		return err
	}
	next := seenLog{Generation: c.doc.Ledger.Generation + 1}
	if c.seen, err = openSeen(c.seenPath(next.Generation), next); err != nil {
		return fmt.Errorf("begin a new list of the rows read: %w", err)
	}
	return nil
}

// AppendSeen adds rows to the log. They count from the next Save on.
func (c *File) AppendSeen(marks []engram.JournalRef) (err error) {
	if c.detached || len(marks) == 0 {
		return nil
	}
	if c.seen == nil {
		c.seen, err = openSeen(c.seenPath(c.doc.Ledger.Generation), c.doc.Ledger)
	}
	if err == nil {
		err = c.seen.append(marks)
	}
	if err != nil {
		return fmt.Errorf("remember the rows read: %w", err)
	}
	return nil
}

// Save makes the cursor durable, with what was appended to the history and
// flushed to the output file before.
func (c *File) Save(cursor engram.Cursor) error {
	next := c.doc
	if !c.detached {
		next.set(cursor)
		if c.seen != nil {
			if err := c.seen.sync(); err != nil {
				return fmt.Errorf("remember the rows read: %w", err)
			}
			next.Ledger = c.seen.seenLog
		}
	}
	if c.output != nil {
		next.Output = c.output.mark(true)
	}
	if err := c.write(next); err != nil {
		return err
	}
	c.cursor = cursor
	return nil
}

func (d *cursorDoc) set(cursor engram.Cursor) {
	d.UserID, d.Seq, d.Sum, d.Reread = cursor.UserID, cursor.Last.Seq, cursor.Last.Sum, cursor.LowWatermark
	d.Recent = make([]byte, 0, 6*len(cursor.Recent))
	before := cursor.LowWatermark
	for _, m := range cursor.Recent {
		d.Recent = appendRef(d.Recent, before, m)
		before = m.Seq
	}
}

// write puts a document on disk, unless it is there already.
func (c *File) write(next cursorDoc) error {
	if c.detached && sameOutput(c.doc.Output, next.Output) {
		return nil
	}
	text, err := json.Marshal(next)
	if err == nil {
		err = atomicfile.Write(c.path(), text, 0o600)
	}
	if err != nil {
		c.failed = true
		return fmt.Errorf("save the cursor: %w", err)
	}
	old := c.doc.Ledger.Generation
	c.doc = next
	if next.Ledger.Generation != old {
		_ = sharing.Remove(c.seenPath(old)) // it counts no more, there or not
	}
	return nil
}

// Close ends the use of the file. What was not saved is forgotten.
func (c *File) Close() error {
	if c.seen == nil {
		return nil
	}
	err := c.seen.file.Close()
	c.seen = nil
	return err
}

// Abandon ends the use of all files as the end of the process does, and leaves what they
// hold. It is for tests that play a killed run.
func (c *File) Abandon() error {
	err := c.Close()
	if c.output != nil {
		err = errors.Join(err, c.output.file.Close())
		c.output = nil
	}
	return err
}
