package memoryindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// Filter is what is asked for. The zero value is everything.
type Filter struct {
	Since, Until time.Time // Until itself is not within
	Author       string    // a part of it, in any case
	Project      string    // in any spelling
	Type         string    // of an observation, or a kind of rows
	Limit        int       // 0: no limit
	Offset       int       // how many are passed over first
	Lines        int       // how many rows of each chunk are given, sessions only where there is nothing else; 0: all
}

// where are the conditions on the columns that times, authors, projects and types stand in.
func (f Filter) where(moment, author string) (conditions []string, args []any) {
	add := func(condition string, arg any) { conditions, args = append(conditions, condition), append(args, arg) }
	if !f.Since.IsZero() {
		add(moment+" >= ?", nanos(f.Since))
	}
	if !f.Until.IsZero() {
		add(moment+" <> 0 AND "+moment+" < ?", nanos(f.Until))
	}
	if f.Author != "" {
		add("instr(lower("+author+"), ?) > 0", strings.ToLower(f.Author))
	}
	return conditions, args
}

// ofRows are the conditions on rows r.
func (f Filter) ofRows() (conditions []string, args []any) {
	if f.Project != "" {
		conditions, args = append(conditions, "r.project = ?"), append(args, engram.ProjectKey(f.Project))
	}
	if f.Type != "" {
		conditions, args = append(conditions, "(r.type = ? COLLATE NOCASE OR r.kind = ? COLLATE NOCASE)"), append(args, f.Type, f.Type)
	}
	return conditions, args
}

// chunks are the conditions on chunks c, which have a row that was asked for.
func (f Filter) chunks() (conditions []string, args []any) {
	conditions, args = f.where(chunkMoment, "c.author")
	rowConditions, rowArgs := f.ofRows()
	if len(rowConditions) > 0 {
		conditions = append(conditions, "EXISTS (SELECT 1 FROM rows r WHERE r.chunk = c.n AND "+and(rowConditions)+")")
		args = append(args, rowArgs...)
	}
	return conditions, args
}

// versions are the conditions on rows r of chunks c that are marked so.
func (f Filter) versions(first, last int) (conditions []string, args []any) {
	conditions, args = f.where("coalesce(nullif(r.moment, 0), c.moment)", "c.author")
	rowConditions, rowArgs := f.ofRows()
	return append(append(conditions, rowConditions...), "r.mark BETWEEN ? AND ?"), append(append(args, rowArgs...), first, last)
}

// nanos is a time as the index has it: rowtime.Instant has the same bounds.
func nanos(t time.Time) int64 { return rowtime.Instant(t.UTC().Format(time.RFC3339Nano)) }

func and(conditions []string) string {
	if len(conditions) == 0 {
		return "1"
	}
	return strings.Join(conditions, " AND ")
}

// Entry is a chunk, with a line for each of its rows that were asked for.
type Entry struct {
	engram.ChunkEntry
	Listed bool  // else no entry of the manifest names it
	Known  bool  // else it could not be read
	Moment int64 // when it was written, as rowtime.Instant: by its entry, or where that does not tell by its newest row; 0 is not known
	Rows   []Line
	Left   int // rows that Filter.Lines leaves out
}

// Line is a row of a chunk, without its text. Title is history.Headline; Told, if there is one, says the same for people.
type Line struct {
	Kind, ID, Type, Session, Project, Title, Told string

	State history.State
}

// Chunks gives the newest chunks first, with the rows that the filter asks for. One that has none of these is left out
// where it asks for some. more is how many there are besides.
func (x *Index) Chunks(ctx context.Context, f Filter) (entries []Entry, more int, err error) {
	conditions, args := f.chunks()
	rowConditions, rowArgs := f.ofRows()
	var ns []int64
	err = x.each(ctx, "SELECT n, id, listed, known, author, at, at_moment, "+counts+", (SELECT count(*) FROM chunks c WHERE "+and(conditions)+`) FROM
		(SELECT n AS number, place AS at_place, `+chunkMoment+" AS at_moment FROM chunks c WHERE "+and(conditions)+` ORDER BY 3 DESC, 2 DESC LIMIT ? OFFSET ?)
		JOIN chunks c ON c.n = number ORDER BY at_moment DESC, at_place DESC`, append(append(args, args...), limit(f.Limit), f.Offset), func(scan func(...any) error) error {
		var e Entry
		var id string
		var n int64
		if err := scan(&n, &id, &e.Listed, &e.Known, &e.CreatedBy, &e.CreatedAt, &e.Moment, &e.Sessions, &e.Memories, &e.Prompts, &more); err != nil {
			return err
		}
		var err error
		e.ID, err = engram.ParseChunkID(id)
		entries, ns = append(entries, e), append(ns, n)
		return err
	})
	if err == nil {
		err = x.lines(ctx, entries, ns, f.Lines, rowConditions, rowArgs)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the index of memories: %w", err)
	}
	return entries, max(0, more-f.Offset-len(entries)), nil
}

// titleOf is the title of a row; of a deletion it is that of what was deleted, where another chunk has that.
const titleOf = `CASE WHEN r.state <> 'removed' OR t.title <> '' THEN t.title ELSE coalesce((SELECT coalesce(nullif(s.title, ''), substr(s.body, 1, 100))
	FROM rows o JOIN texts s ON s.n = o.n WHERE o.id = r.id AND o.kind = r.kind AND o.mark > 0), '') END`

// lines reads the lines of entries, which have these numbers: as Filter.Lines has it.
func (x *Index) lines(ctx context.Context, entries []Entry, ns []int64, most int, conditions []string, args []any) (err error) {
	order := "r.n"
	if most > 0 {
		order = "r.kind = 'session', r.n"
	}
	query, err := x.db.PrepareContext(ctx, "SELECT r.kind, r.id, r.type, r.session, r.project, r.state, "+titleOf+
		", substr(t.body, 1, 300) FROM rows r JOIN texts t ON t.n = r.n WHERE r.chunk = ? AND "+and(conditions)+" ORDER BY "+order+" LIMIT ?")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, query.Close()) }()
	for i := range entries {
		of := append([]any{ns[i]}, args...)
		rows, err := query.QueryContext(ctx, append(of, limit(most))...)
		if err != nil {
			return err
		}
		err = takeAll(rows, func(scan func(...any) error) error {
			var l Line
			var title, body string
			err := scan(&l.Kind, &l.ID, &l.Type, &l.Session, &l.Project, &l.State, &title, &body)
			l.Title = headline(l.Kind, l.ID, title, body)
			entries[i].Rows = append(entries[i].Rows, l)
			return err
		})
		if err == nil && most > 0 {
			err = x.leave(ctx, &entries[i], conditions, of)
		}
		if err != nil {
			return err
		}
	}
	return x.relate(ctx, entries)
}

// leave counts the rows that an entry has not, and takes out sessions beside others.
func (x *Index) leave(ctx context.Context, e *Entry, conditions []string, args []any) error {
	var all, others int
	err := x.db.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(r.kind <> 'session'), 0) FROM rows r WHERE r.chunk = ? AND "+and(conditions), args...).Scan(&all, &others)
	if others > 0 {
		e.Rows, all = slices.DeleteFunc(e.Rows, func(l Line) bool { return l.Kind == "session" }), others
	}
	e.Left = all - len(e.Rows)
	return err
}

// limit is that of a query; -1 is none.
func limit(n int) int {
	if n <= 0 {
		return -1
	}
	return n
}

// each calls take for each row of a result.
func (x *Index) each(ctx context.Context, query string, args []any, take func(scan func(...any) error) error) (err error) {
	rows, err := x.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	return takeAll(rows, take)
}

func takeAll(rows *sql.Rows, take func(scan func(...any) error) error) error {
	defer func() { _ = rows.Close() }() // Err says what went wrong
	for rows.Next() {
		if err := take(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Placed is a version of a row, and the chunk that it is in.
type Placed struct {
	history.Identity
	history.Version
	engram.ChunkEntry
	Listed bool
}

// Versions are all versions of what has this identity, oldest first: of several kinds, if so many have it.
func (x *Index) Versions(ctx context.Context, id string) (places []Placed, err error) {
	err = x.each(ctx, `SELECT r.n, r.kind, r.id, r.state, coalesce(nullif(r.moment, 0), c.moment), c.place, c.id, c.listed, c.author, c.at, c.sessions, c.memories, c.prompts
		FROM rows r JOIN chunks c ON c.n = r.chunk WHERE r.id = ? ORDER BY r.kind`, []any{id}, func(scan func(...any) error) error {
		var p Placed
		var chunk string
		if err := scan(&p.Order, &p.Kind, &p.Identity.ID, &p.State, &p.Moment, &p.Place, &chunk, &p.Listed, &p.CreatedBy, &p.CreatedAt, &p.Sessions, &p.Memories, &p.Prompts); err != nil {
			return err
		}
		var err error
		p.ChunkEntry.ID, err = engram.ParseChunkID(chunk)
		places = append(places, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the index of memories: %w", err)
	}
	return places, nil
}

// Many says whether something has more than so many versions.
func (x *Index) Many(ctx context.Context, id string, versions int) (many bool, err error) {
	err = x.db.QueryRowContext(ctx, "SELECT count(*) > ? FROM (SELECT 1 FROM rows WHERE id = ? LIMIT ?)", versions, id, versions+1).Scan(&many)
	if err != nil {
		return false, fmt.Errorf("read the index of memories: %w", err)
	}
	return many, nil
}

// Like are up to ten identities that begin with some text, for who has mistyped one.
func (x *Index) Like(ctx context.Context, prefix string) (ids []string, err error) {
	err = x.each(ctx, "SELECT DISTINCT id FROM rows WHERE id >= ? AND id < ? ORDER BY id LIMIT 10", []any{prefix, prefix + "\U0010FFFF"}, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the index of memories: %w", err)
	}
	return ids, nil
}

// Hit is a row whose newest text has the words that were looked for.
type Hit struct {
	Line
	engram.ChunkEntry // of the chunk that has the newest text
	CreatedAt         string
	UpdatedAt         string
	Gone              bool // it was deleted since
	Older             bool // another version is the newest
	// Title and Snippet are between the marks that the query gave, where words were found. Title is "" where there is none.
	Title, Snippet string
}

// ChunkID is that of the chunk.
func (h *Hit) ChunkID() string { return h.ChunkEntry.ID.String() }

// Query is what is looked for.
type Query struct {
	Filter
	Words Words
	Gone  bool // what was deleted, too
	Older bool // every version of each
	// Open and Close are put around each word that was found.
	Open, Close string
}

// snippetTokens is how many words a snippet has, at most: some three lines.
const snippetTokens = 32

// Search finds the newest versions of rows, or all, that have all words, the best first; without words all rows, the latest first. The filter's times are those of the rows. more is
// how many there are besides.
func (x *Index) Search(ctx context.Context, q Query) (hits []Hit, more int, err error) {
	first, last := newest, newest
	switch {
	case q.Older:
		first, last = older, gone
	case q.Gone:
		last = gone
	}
	conditions, args := q.versions(first, last)
	from, order := "rows r", "coalesce(nullif(r.moment, 0), c.moment) DESC, c.place DESC, r.n DESC"
	if q.Words != "" {
		from, order = "words JOIN rows r ON r.n = words.rowid", "bm25(words, 4.0, 1.0), r.moment DESC, c.place DESC, r.n"
		conditions, args = append([]string{"words MATCH ?"}, conditions...), append([]any{string(q.Words)}, args...)
	}
	var ns []int64
	err = x.each(ctx, "SELECT r.n FROM "+from+" JOIN chunks c ON c.n = r.chunk WHERE "+and(conditions)+" ORDER BY "+order, args, func(scan func(...any) error) error {
		var n int64
		err := scan(&n)
		ns = append(ns, n)
		return err
	})
	ns = ns[min(q.Offset, len(ns)):]
	if q.Limit > 0 && len(ns) > q.Limit {
		more, ns = len(ns)-q.Limit, ns[:q.Limit]
	}
	for _, n := range ns {
		if err != nil {
			break
		}
		var hit Hit
		hit, err = x.hit(ctx, q, n)
		hits = append(hits, hit)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("search the index of memories: %w", err)
	}
	return hits, more, nil
}

func (x *Index) hit(ctx context.Context, q Query, n int64) (h Hit, err error) {
	var chunk, title, body string
	var mark int
	var has sql.NullString
	found, of, args := "'', substr(t.body, 1, 300)", "rows r", []any{n}
	where := "r.n = ?"
	if q.Words != "" {
		found, of = "highlight(words, 0, ?, ?), snippet(words, 1, ?, ?, '…', ?)", "words JOIN rows r ON r.n = words.rowid"
		where, args = "words MATCH ? AND words.rowid = ?", []any{q.Open, q.Close, q.Open, q.Close, snippetTokens, string(q.Words), n}
	}
	err = x.db.QueryRowContext(ctx, `SELECT r.kind, r.id, r.type, r.session, r.project, r.state, r.mark, r.created, r.updated, c.id, c.author, c.at,
		t.title, substr(t.body, 1, 300), `+found+` FROM `+of+` JOIN chunks c ON c.n = r.chunk JOIN texts t ON t.n = r.n WHERE `+where, args...).
		Scan(&h.Kind, &h.Line.ID, &h.Type, &h.Session, &h.Project, &h.State, &mark, &h.CreatedAt, &h.UpdatedAt, &chunk, &h.CreatedBy, &h.ChunkEntry.CreatedAt,
			&title, &body, &has, &h.Snippet)
	if err != nil {
		return h, err
	}
	h.Gone, h.Older, h.Title, h.Snippet = mark == gone, mark == older, joined(has.String), joined(h.Snippet)
	h.Line.Title = headline(h.Kind, h.Line.ID, title, body)
	h.ChunkEntry.ID, err = engram.ParseChunkID(chunk)
	return h, err
}
