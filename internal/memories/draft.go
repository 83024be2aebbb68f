package memories

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/rowtime"
	"github.com/engram-sync/engram-sync/internal/words"
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
//
// Drafts come one after the other, and none is kept here. An error is the last.
func (u *Unexported) Drafts(maxBytes int64, createdBy string, entries []engram.ChunkEntry, now time.Time) iter.Seq2[Draft, error] {
	past := slices.DeleteFunc(slices.Clone(entries), func(e engram.ChunkEntry) bool { return e.Time().After(now) })
	at := time.Unix(0, 0)
	if newest := engram.NewestTime(past); !newest.IsZero() {
		at = newest.Add(time.Microsecond)
	}
	return func(yield func(Draft, error) bool) {
		d := drafter{
			from: u, max: maxBytes, yield: yield,
			entry: engram.ChunkEntry{CreatedBy: createdBy, CreatedAt: engram.FormatTime(at)},
		}
		err := d.draft(at)
		if err != nil && !errors.Is(err, errEnough) {
			yield(Draft{}, fmt.Errorf("make a chunk: %w", err))
		}
	}
}

// errEnough: nobody wants more drafts.
var errEnough = errors.New("enough")

// drafter fills one chunk after the other.
type drafter struct {
	from  *Unexported
	max   int64
	yield func(Draft, error) bool
	entry engram.ChunkEntry

	sessions []engram.Session // of the chunk
	why      []*Row           // its rows, a part of those of the search
	has      map[string]bool  // ids of sessions
	size     int64            // no less than what the chunk takes
	apart    string           // the session without a directory that the chunk is for
}

func (d *drafter) draft(at time.Time) error {
	rows := d.from.Rows
	first := d.sort(rows)
	for i := range first {
		if err := d.add(rows[:first], i); err != nil {
			return err
		}
	}
	if err := d.finish(); err != nil {
		return err
	}
	return d.mutations(rows[first:], at)
}

// isMutation says whether chunks have no list for such rows.
func (r *Row) isMutation() bool { return r.Kind == engram.RelationRow || r.Reason == Removed }

// sessionOf is the session that a row needs. 1.9.4 can store rows of sessions
// that do not exist; it cannot import those, so they get one that says no more
// than they do.
func (d *drafter) sessionOf(row *Row) engram.Session {
	if row.Session != nil {
		return *row.Session
	}
	if known, ok := d.from.sessions[row.session]; ok {
		return d.from.words.withoutTaken(known)
	}
	return mend.Stub(row.session, row.Project, d.from.begun[row.session])
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
	said := d.from.words.on(words.SessionNamed(s.ID))
	if _, here := d.from.sessions[s.ID]; !here {
		return !said.gone()
	}
	return !said.gone() && said.placed() && strings.TrimSpace(s.Directory) == ""
}

// add puts rows[i] into the chunk, or into the next one if there is no room.
func (d *drafter) add(rows []*Row, i int) error {
	row := rows[i]
	session := d.sessionOf(row)
	sessionSize, err := int64(0), error(nil)
	if !d.has[session.ID] {
		sessionSize, err = encodedSize(session)
	}
	if err != nil {
		return err
	}
	own, apart := int64(row.text.size)+1, d.alone(session)
	if len(d.why) > 0 && (d.size+own+sessionSize > d.max || apart != d.apart) {
		if err := d.finish(); err != nil {
			return err
		}
		return d.add(rows, i)
	}
	if len(d.why) == 0 {
		d.has, d.size = map[string]bool{}, int64(len(`{"sessions":null,"observations":null,"prompts":null}`))
	}
	if !d.has[session.ID] && (row.Session != nil || !d.known(session)) {
		d.sessions = append(d.sessions, session)
	}
	d.has[session.ID] = true
	d.why, d.apart, d.size = rows[i-len(d.why):i+1], apart, d.size+own+sessionSize
	return nil
}

// stamped is an observation that does not look older than its deletion, which would
// make importers of 1.x write it anew for ever. Source: engram-2.md 7, rule 10.
func stamped(o engram.Observation) engram.Observation {
	if deleted := engram.Text(o.DeletedAt); rowtime.Parse(deleted).After(rowtime.Parse(o.UpdatedAt)) {
		o.UpdatedAt = deleted
	}
	return o
}

// encodedSize is what a row takes in a chunk, with its comma.
func encodedSize(row any) (int64, error) {
	text, err := json.Marshal(row)
	return int64(len(text)) + 1, err
}

// finish makes a draft of the rows so far, in engram's order.
func (d *drafter) finish() error {
	if len(d.why) == 0 {
		return nil
	}
	sessions, err := json.Marshal(d.sessions) // null without any, as engram has it
	if err != nil {
		return err
	}
	text := append(make([]byte, 0, d.size), `{"sessions":`...)
	text = append(text, sessions...)
	draft := Draft{Rows: d.why, NoDirectory: d.apart, Entry: d.entry}
	draft.Entry.Sessions = len(d.sessions)
	if text, draft.Entry.Memories, err = d.list(text, "observations", engram.ObservationRow); err != nil {
		return err
	}
	if text, draft.Entry.Prompts, err = d.list(text, "prompts", engram.PromptRow); err != nil {
		return err
	}
	d.sessions, d.why, d.has = nil, nil, nil
	return d.give(draft, append(text, '}'))
}

// list adds a list of the rows of a kind, by their integer ids, as engram.EncodeChunk
// writes it.
func (d *drafter) list(text []byte, name string, kind engram.RowKind) (_ []byte, n int, err error) {
	var rows []*Row
	for _, row := range d.why {
		if row.Kind == kind {
			rows = append(rows, row)
		}
	}
	text = append(text, `,"`+name+`":`...)
	if len(rows) == 0 {
		return append(text, "null"...), 0, nil
	}
	slices.SortStableFunc(rows, func(a, b *Row) int { return cmp.Compare(a.number, b.number) })
	for i, row := range rows {
		text = append(text, "[,"[min(i, 1)])
		if text, err = d.from.contents.append(text, row.text); err != nil {
			return nil, 0, err
		}
	}
	return append(text, ']'), len(rows), nil
}

// give gives out one chunk.
func (d *drafter) give(draft Draft, text []byte) error {
	draft.Text, draft.Size = text, len(text)
	draft.Entry.ID = engram.IDOf(sha256.Sum256(text))
	if !d.yield(draft, nil) {
		return errEnough
	}
	return nil
}
