package memoryindex

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// enter writes the entries of chunks, and takes out those that are not there any more. unread have to be read.
func (x *Index) enter(ctx context.Context, tx *sql.Tx, state string, chunks []Chunk) (unread []Chunk, failed []Failure, err error) {
	has, err := knownChunks(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM facts WHERE name = 'state'; INSERT OR REPLACE INTO facts (name, value) VALUES ('entered', ?)", state); err != nil {
		return nil, nil, err
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO chunks (id, stamp, known, listed, place, author, at, moment, sessions, memories, prompts)
		VALUES (?, '', 0, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET listed = excluded.listed, place = excluded.place, author = excluded.author, at = excluded.at,
			moment = excluded.moment, sessions = excluded.sessions, memories = excluded.memories, prompts = excluded.prompts`)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = insert.Close() }() // with the transaction
	last, moved := -1, false
	for i, c := range chunks {
		k := has[c.ID]
		switch {
		case c.Err != nil:
			failed = append(failed, Failure{c.ID, c.Err})
		case k == nil || !k.read || k.stamp != c.Stamp:
			unread = append(unread, c)
		}
		if k != nil {
			k.seen = true
			moved = moved || k.place < last
			last = k.place
		}
		if k != nil && k.place == i && k.entry.ChunkEntry == plain(c.ChunkEntry) && k.entry.Listed == c.Listed {
			continue
		}
		if _, err := insert.ExecContext(ctx, c.ID.String(), c.Listed, i, c.CreatedBy, c.CreatedAt, instant(c.ChunkEntry), c.Sessions, c.Memories, c.Prompts); err != nil {
			return nil, nil, err
		}
		moved = moved || k != nil && instant(k.entry.ChunkEntry) != instant(c.ChunkEntry)
	}
	if moved { // other versions may be the newest
		if _, err := tx.ExecContext(ctx, "UPDATE rows SET mark = -1 WHERE mark > 0"); err != nil {
			return nil, nil, err
		}
	}
	for id, k := range has {
		if k.seen {
			continue
		}
		if err := forget(ctx, tx, k.n); err != nil {
			return nil, nil, err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM chunks WHERE id = ?", id.String()); err != nil {
			return nil, nil, err
		}
	}
	for _, f := range failed { // what it said is not to be believed any more
		if k := has[f.ID]; k != nil && k.read {
			if err := forget(ctx, tx, k.n); err != nil {
				return nil, nil, err
			}
		}
	}
	return unread, failed, nil
}

// plain is an entry as the index keeps it.
func plain(e engram.ChunkEntry) engram.ChunkEntry {
	return engram.ChunkEntry{ID: e.ID, CreatedBy: e.CreatedBy, CreatedAt: e.CreatedAt, Sessions: e.Sessions, Memories: e.Memories, Prompts: e.Prompts}
}

// instant is when a chunk was made, in nanoseconds since 1970; 0 where nobody says.
func instant(e engram.ChunkEntry) int64 { return rowtime.Instant(e.CreatedAt) }

func knownChunks(ctx context.Context, tx *sql.Tx) (map[engram.ChunkID]*known, error) {
	rows, err := tx.QueryContext(ctx, "SELECT n, id, stamp, known, listed, place, author, at, sessions, memories, prompts FROM chunks")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err says what went wrong
	has := map[engram.ChunkID]*known{}
	for rows.Next() {
		var k known
		var id string
		e := &k.entry
		if err := rows.Scan(&k.n, &id, &k.stamp, &k.read, &e.Listed, &k.place, &e.CreatedBy, &e.CreatedAt, &e.Sessions, &e.Memories, &e.Prompts); err != nil {
			return nil, err
		}
		if e.ID, err = engram.ParseChunkID(id); err != nil {
			return nil, fmt.Errorf("%w: %w", errSchema, err)
		}
		has[e.ID] = &k
	}
	return has, rows.Err()
}

// forget takes out the rows of a chunk. What else is said of them has to be looked at again: it is enough to mark one row of each
// identity, and one that is said in every chunk would cost too much otherwise.
func forget(ctx context.Context, tx *sql.Tx, chunk int64) error {
	for _, statement := range []string{
		`UPDATE rows SET mark = -1 WHERE n IN (SELECT (SELECT o.n FROM rows o WHERE o.id = r.id AND o.kind = r.kind AND o.chunk <> r.chunk LIMIT 1)
			FROM rows r WHERE r.chunk = ?)`,
		"INSERT INTO words (words, rowid, title, body) SELECT 'delete', n, title, body FROM texts WHERE n IN (SELECT n FROM rows WHERE chunk = ?)",
		"DELETE FROM texts WHERE n IN (SELECT n FROM rows WHERE chunk = ?)",
		"DELETE FROM rows WHERE chunk = ?",
		"UPDATE chunks SET known = 0, stamp = '' WHERE n = ?",
	} {
		if _, err := tx.ExecContext(ctx, statement, chunk); err != nil {
			return err
		}
	}
	return nil
}

// writer writes the rows of chunks in one transaction.
type writer struct {
	ctx   context.Context
	tx    *sql.Tx
	rows  int // so far
	bytes int // of their texts
	most  int64

	find, others, row, text, word, done *sql.Stmt
}

func newWriter(ctx context.Context, tx *sql.Tx) (*writer, error) {
	w := &writer{ctx: ctx, tx: tx}
	for _, s := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&w.find, "SELECT n, known, stamp FROM chunks WHERE id = ?"},
		{&w.others, "SELECT EXISTS (SELECT 1 FROM rows WHERE id = ? AND kind = ?)"},
		{&w.row, `INSERT INTO rows (chunk, kind, id, state, mark, moment, session, project, type, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&w.text, "INSERT INTO texts (n, title, body) VALUES (?, ?, ?)"},
		{&w.word, "INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)"},
		{&w.done, "UPDATE chunks SET known = 1, stamp = ? WHERE n = ?"},
	} {
		var err error
		if *s.to, err = tx.PrepareContext(ctx, s.text); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *writer) close() {
	for _, s := range []*sql.Stmt{w.find, w.others, w.row, w.text, w.word, w.done} {
		_ = s.Close() // with the transaction
	}
}

// chunk writes what a chunk says. Where another process has been faster, or taken the chunk out, there is nothing to do.
func (w *writer) chunk(r reading) error {
	var n int64
	var read bool
	var stamp string
	err := w.find.QueryRowContext(w.ctx, r.ID.String()).Scan(&n, &read, &stamp)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && read && stamp == r.Stamp:
		return nil
	case err != nil:
		return err
	}
	if read {
		if err := forget(w.ctx, w.tx, n); err != nil {
			return err
		}
	}
	for i := range r.rows {
		if err := w.add(n, &r.rows[i]); err != nil {
			return err
		}
	}
	_, err = w.done.ExecContext(w.ctx, r.Stamp, n)
	return err
}

func (w *writer) add(chunk int64, row *history.Row) error {
	w.rows++
	id, kind := name(row.ID), name(row.Kind)
	var others bool
	if err := w.others.QueryRowContext(w.ctx, id, kind).Scan(&others); err != nil {
		return err
	}
	mark := markAlone(row.State)
	if others {
		mark = unmarked
	}
	added, err := w.row.ExecContext(w.ctx, chunk, kind, id, string(row.State), mark, row.Moment(), name(row.Session),
		engram.ProjectKey(name(row.Project)), name(row.Type), name(row.CreatedAt), name(row.UpdatedAt))
	if err != nil {
		return err
	}
	n, err := added.LastInsertId() // the next one behind the last of all
	if err != nil {
		return err
	}
	if w.most > 0 && n > w.most {
		return ErrManyRows
	}
	title, body := parted(kept(row.Title)), parted(kept(row.Content))
	w.bytes += len(title) + len(body)
	if _, err := w.text.ExecContext(w.ctx, n, title, body); err != nil {
		return err
	}
	_, err = w.word.ExecContext(w.ctx, n, title, body)
	return err
}

// kept is as much of a text as is searched.
func kept(text string) string { return cut(text, maxText) }

// name is as much of what a row is called, or belongs to, as is kept: lists have many of them in memory.
func name(text string) string { return cut(text, maxName) }

func cut(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// markAlone is the mark of a row that is the only one of its identity.
func markAlone(s history.State) int {
	return markOf(history.Newest([]history.Version{{State: s}}))
}

func markOf(at int, isGone bool) int {
	switch {
	case at < 0:
		return older
	case isGone:
		return gone
	}
	return newest
}

// settle finds out which versions are the newest, where that is open, and remembers what the index is up to date with, unless
// another process has entered what it saw at another moment meanwhile.
func (x *Index) settle(ctx context.Context, state string, complete bool) error {
	return x.update(ctx, func(tx *sql.Tx) error {
		if err := mark(ctx, tx); err != nil || !complete {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO facts (name, value) SELECT 'state', value FROM facts WHERE name = 'entered' AND value = ?", state)
		return err
	})
}

// version is a row as one version of its identity.
type version struct {
	n    int64
	of   history.Identity
	mark int
	history.Version
}

func mark(ctx context.Context, tx *sql.Tx) error {
	versions, err := unmarkedVersions(ctx, tx)
	if err != nil || len(versions) == 0 {
		return err
	}
	set, err := tx.PrepareContext(ctx, "UPDATE rows SET mark = ? WHERE n = ?")
	if err != nil {
		return err
	}
	defer func() { _ = set.Close() }() // with the transaction
	slices.SortStableFunc(versions, func(a, b version) int {
		return cmp.Or(cmp.Compare(a.of.ID, b.of.ID), cmp.Compare(a.of.Kind, b.of.Kind))
	})
	for len(versions) > 0 {
		n := 1
		for n < len(versions) && versions[n].of == versions[0].of {
			n++
		}
		points := make([]history.Version, n)
		for i := range points {
			points[i] = versions[i].Version
		}
		at, isGone := history.Newest(points)
		for i, v := range versions[:n] {
			mark := older
			if i == at {
				mark = markOf(at, isGone)
			}
			if mark == v.mark {
				continue
			}
			if _, err := set.ExecContext(ctx, mark, v.n); err != nil {
				return err
			}
		}
		versions = versions[n:]
	}
	return nil
}

func unmarkedVersions(ctx context.Context, tx *sql.Tx) (versions []version, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT r.n, r.kind, r.id, r.state, r.mark, coalesce(nullif(r.moment, 0), c.moment), c.place
		FROM rows r JOIN chunks c ON c.n = r.chunk WHERE (r.id, r.kind) IN (SELECT id, kind FROM rows WHERE mark < 0)`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err says what went wrong
	for rows.Next() {
		var v version
		if err := rows.Scan(&v.n, &v.of.Kind, &v.of.ID, &v.State, &v.mark, &v.Moment, &v.Place); err != nil {
			return nil, err
		}
		v.Order = int(v.n) // rows of one chunk have numbers in their order
		versions = append(versions, v)
	}
	return versions, rows.Err()
}
