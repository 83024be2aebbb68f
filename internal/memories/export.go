package memories

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Draft is a chunk that has been made, and not been written.
type Draft struct {
	Entry engram.ChunkEntry
	Text  []byte // the uncompressed bytes, which hash to the id
	// Rows are those that were in no chunk. The sessions that come with them
	// are not among them.
	Rows []Row
}

// chunk is the draft as something to store.
func (d Draft) chunk() *engram.Chunk {
	return engram.NewChunk(d.Entry.ID, io.NopCloser(bytes.NewReader(d.Text)), int64(len(d.Text)))
}

// Drafts makes chunks of the rows, in engram's encoding, of at most maxBytes
// each; a row that is larger, with its session, gets a chunk for itself. Every
// chunk has the sessions that its rows belong to, so that it can be imported
// alone. The same rows give the same bytes, whenever and wherever.
//
// Who made them goes into the entries, and a time that hides nothing from
// engram's export, which takes only what is newer than the newest entry: a
// microsecond after the newest of the given entries, or 1970 if there is none
// that is past. engram counts in whole seconds there, and imports in the order of
// the manifest, in which the last version of a row wins. Merges put entries in
// order by time and id, so at the very time of the newest a chunk with an older
// version of a row could be imported after this one.
// Source: local-state.md 1.5 and 7.4, account-server.md 6.4.
func (u *Unexported) Drafts(maxBytes int64, createdBy string, entries []engram.ChunkEntry, now time.Time) ([]Draft, error) {
	past := slices.DeleteFunc(slices.Clone(entries), func(e engram.ChunkEntry) bool { return e.Time().After(now) })
	at := time.Unix(0, 0)
	if newest := engram.NewestTime(past); !newest.IsZero() {
		at = newest.Add(time.Microsecond)
	}
	d := drafter{sessions: u.sessions, max: maxBytes, entry: engram.ChunkEntry{CreatedBy: createdBy, CreatedAt: engram.FormatTime(at)}}
	rows := slices.Clone(u.Rows)
	slices.SortStableFunc(rows, d.compare)
	for _, row := range rows {
		if err := d.add(row); err != nil {
			return nil, fmt.Errorf("encode the rows of a chunk: %w", err)
		}
	}
	if err := d.finish(); err != nil {
		return nil, fmt.Errorf("encode the rows of a chunk: %w", err)
	}
	return d.drafts, nil
}

// drafter fills one chunk after the other.
type drafter struct {
	sessions map[string]engram.Session
	max      int64
	entry    engram.ChunkEntry
	drafts   []Draft

	rows engram.ChunkRows
	why  []Row
	has  map[string]bool // sessions in rows
	size int64           // no less than what the rows take
}

// compare puts rows of one session together, oldest session first.
func (d *drafter) compare(a, b Row) int {
	sa, sb := d.sessionOf(a), d.sessionOf(b)
	_, ida := a.own()
	_, idb := b.own()
	return cmp.Or(
		cmp.Compare(sa.StartedAt, sb.StartedAt), cmp.Compare(sa.ID, sb.ID),
		// The session itself, observations, prompts.
		cmp.Compare(strings.IndexByte("sop", byte(a.Kind)), strings.IndexByte("sop", byte(b.Kind))),
		cmp.Compare(ida, idb),
	)
}

// sessionOf is the session that a row needs. 1.9.4 can store rows of sessions
// that do not exist; it cannot import those, so they get one that says no more
// than they do.
func (d *drafter) sessionOf(row Row) engram.Session {
	stub := mend.Stub("", row.Project, "")
	switch {
	case row.Session != nil:
		return *row.Session
	case row.Observation != nil:
		stub.ID, stub.StartedAt = row.Observation.SessionID, row.Observation.CreatedAt
	case row.Prompt != nil:
		stub.ID, stub.StartedAt = row.Prompt.SessionID, row.Prompt.CreatedAt
	}
	if known, ok := d.sessions[stub.ID]; ok {
		return known
	}
	return stub
}

// add puts a row into the chunk, or into the next one if there is no room.
func (d *drafter) add(row Row) error {
	session := d.sessionOf(row)
	own, _ := row.own()
	alone, err := encodedSize(own)
	if err != nil {
		return err
	}
	sessionSize, err := encodedSize(session)
	if err != nil {
		return err
	}
	need := func() int64 {
		if d.has[session.ID] {
			return alone
		}
		return alone + sessionSize
	}
	if len(d.why) > 0 && d.size+need() > d.max {
		if err := d.finish(); err != nil {
			return err
		}
	}
	if len(d.why) == 0 {
		d.has, d.size = map[string]bool{}, int64(len(`{"sessions":null,"observations":null,"prompts":null}`))
	}
	d.size += need()
	d.take(row, session)
	return nil
}

func (d *drafter) take(row Row, session engram.Session) {
	if !d.has[session.ID] {
		d.has[session.ID] = true
		d.rows.Sessions = append(d.rows.Sessions, session)
	}
	if row.Observation != nil {
		d.rows.Observations = append(d.rows.Observations, *row.Observation)
	}
	if row.Prompt != nil {
		d.rows.Prompts = append(d.rows.Prompts, *row.Prompt)
	}
	d.why = append(d.why, row)
}

// own is what a row adds to a chunk besides its session, and the id of it: nil if
// nothing.
func (r Row) own() (row any, id int64) {
	switch {
	case r.Observation != nil:
		return r.Observation, r.Observation.ID
	case r.Prompt != nil:
		return r.Prompt, r.Prompt.ID
	}
	return nil, 0
}

// encodedSize is what a row takes in a chunk, with its comma.
func encodedSize(row any) (int64, error) {
	if row == nil {
		return 0, nil
	}
	text, err := json.Marshal(row)
	return int64(len(text)) + 1, err
}

// finish makes a draft of the rows so far, in engram's order.
func (d *drafter) finish() error {
	if len(d.why) == 0 {
		return nil
	}
	slices.SortFunc(d.rows.Observations, func(a, b engram.Observation) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(d.rows.Prompts, func(a, b engram.Prompt) int { return cmp.Compare(a.ID, b.ID) })
	text, err := engram.EncodeChunk(d.rows)
	if err != nil {
		return err
	}
	entry := d.entry
	entry.ID = engram.IDOf(sha256.Sum256(text))
	entry.Sessions, entry.Memories, entry.Prompts = len(d.rows.Sessions), len(d.rows.Observations), len(d.rows.Prompts)
	d.drafts = append(d.drafts, Draft{Entry: entry, Text: text, Rows: d.why})
	d.rows, d.why = engram.ChunkRows{}, nil
	return nil
}

// Directory is a chunk directory, as a place for new chunks.
type Directory interface {
	// WriteChunk reads a chunk to its end, and stores it if it is good.
	WriteChunk(ctx context.Context, c *engram.Chunk) error
	// AddEntries adds to the manifest the entries whose ids it lacks.
	AddEntries(ctx context.Context, version int, entries []engram.ChunkEntry) error
}

// Export stores drafts in a directory, and then adds their entries to its
// manifest. What was stored before an error gets its entry all the same; the
// drafts that were not come back as failures. A run that is killed in between
// leaves files that the next one makes again, byte for byte, or that the next
// pull adopts.
func Export(ctx context.Context, dir Directory, version int, drafts []Draft) (written []Draft, failed []work.Failure) {
	for _, d := range drafts {
		err := context.Cause(ctx)
		if err == nil {
			err = dir.WriteChunk(ctx, d.chunk())
		}
		if err != nil {
			failed = append(failed, work.Failure{ID: d.Entry.ID.String(), Err: err})
			continue
		}
		written = append(written, d)
	}
	if len(written) == 0 {
		return nil, failed
	}
	entries := make([]engram.ChunkEntry, len(written))
	for i, d := range written {
		entries[i] = d.Entry
	}
	if err := dir.AddEntries(context.WithoutCancel(ctx), version, entries); err != nil {
		for _, d := range written {
			failed = append(failed, work.Failure{ID: d.Entry.ID.String(), Err: err})
		}
		return nil, failed
	}
	return written, failed
}
