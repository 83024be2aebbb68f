package memories

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
)

// Drafts makes chunks of the rows, in engram's encoding, of at most maxBytes
// each; a row that is larger, with its session, gets a chunk for itself. Every
// chunk has the sessions that its rows belong to, so that it can be imported
// alone. The same rows give the same bytes, whenever and wherever.
//
// Relations and deletions go as mutations into chunks behind the others, which so have
// one id on all servers. A session without a directory goes with its rows into a chunk
// of its own, because 2.x refuses the chunk it is in. Source: engram-2.md 7, rules 7
// and 14, and 10.
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
	d := drafter{
		sessions: u.sessions, words: u.words, generation: u.generation, max: maxBytes,
		entry: engram.ChunkEntry{CreatedBy: createdBy, CreatedAt: engram.FormatTime(at)},
	}
	var rows, mutations []Row
	for _, row := range u.Rows {
		if row.Relation != nil || row.Deletion != nil {
			mutations = append(mutations, row)
		} else {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, d.compare)
	for _, row := range rows {
		if err := d.add(row); err != nil {
			return nil, fmt.Errorf("encode the rows of a chunk: %w", err)
		}
	}
	if err := d.finish(); err != nil {
		return nil, fmt.Errorf("encode the rows of a chunk: %w", err)
	}
	if err := d.mutations(mutations, at); err != nil {
		return nil, fmt.Errorf("encode the mutations of a chunk: %w", err)
	}
	return d.drafts, nil
}

// drafter fills one chunk after the other.
type drafter struct {
	sessions   map[string]engram.Session
	words      *Words
	generation engram.Generation
	max        int64
	entry      engram.ChunkEntry
	drafts     []Draft

	rows  engram.ChunkRows
	why   []Row
	has   map[string]bool // sessions in rows
	size  int64           // no less than what the rows take
	apart string          // the session without a directory that the chunk is for
}

// compare puts rows of one session together, oldest session first, those without a
// directory at the end.
func (d *drafter) compare(a, b Row) int {
	sa, sb := d.sessionOf(a), d.sessionOf(b)
	_, ida := a.own()
	_, idb := b.own()
	return cmp.Or(
		cmp.Compare(len(d.alone(sa)), len(d.alone(sb))),
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

// alone is the id of a session that goes into a chunk of its own; "" for others.
func (d *drafter) alone(s engram.Session) string {
	if strings.TrimSpace(s.Directory) == "" && !d.known(s) {
		return s.ID
	}
	return ""
}

// known says whether chunks bring a session that says more than this one would: a
// directory that 1.x would forget, or all of it where the database has none of it.
// Source: engram-2.md 2.3 and 7, rule 15.
func (d *drafter) known(s engram.Session) bool {
	said := d.words.on(engram.SessionNamed(s.ID))
	if _, here := d.sessions[s.ID]; !here {
		return !said.gone()
	}
	return !said.gone() && said.placed() && strings.TrimSpace(s.Directory) == ""
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
	apart := d.alone(session)
	if len(d.why) > 0 && (d.size+need() > d.max || apart != d.apart) {
		if err := d.finish(); err != nil {
			return err
		}
	}
	if len(d.why) == 0 {
		d.has, d.size = map[string]bool{}, int64(len(`{"sessions":null,"observations":null,"prompts":null}`))
	}
	d.size += need()
	d.apart = apart
	d.take(row, session)
	return nil
}

func (d *drafter) take(row Row, session engram.Session) {
	if !d.has[session.ID] && (row.Session != nil || !d.known(session)) {
		d.has[session.ID] = true
		d.rows.Sessions = append(d.rows.Sessions, session)
	}
	if row.Observation != nil {
		d.rows.Observations = append(d.rows.Observations, stamped(*row.Observation))
	}
	if row.Prompt != nil {
		d.rows.Prompts = append(d.rows.Prompts, *row.Prompt)
	}
	d.why = append(d.why, row)
}

// stamped is an observation that does not look older than its deletion, which would
// make importers of 1.x write it anew for ever. Source: engram-2.md 7, rule 10.
func stamped(o engram.Observation) engram.Observation {
	if deleted := engram.Text(o.DeletedAt); engram.RowTime(deleted).After(engram.RowTime(o.UpdatedAt)) {
		o.UpdatedAt = deleted
	}
	return o
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
	if err := d.draft(Draft{Rows: d.why, NoDirectory: d.apart}, d.rows); err != nil {
		return err
	}
	d.rows, d.why = engram.ChunkRows{}, nil
	return nil
}

// draft adds one chunk to the drafts.
func (d *drafter) draft(draft Draft, rows engram.ChunkRows) (err error) {
	if draft.Text, err = engram.EncodeChunk(rows); err != nil {
		return err
	}
	draft.Entry = d.entry
	draft.Entry.ID = engram.IDOf(sha256.Sum256(draft.Text))
	draft.Entry.Sessions, draft.Entry.Memories, draft.Entry.Prompts = len(rows.Sessions), len(rows.Observations), len(rows.Prompts)
	d.drafts = append(d.drafts, draft)
	return nil
}
