package pages

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

const (
	chunksPerPage = 20
	hitsPerPage   = 20
	rowsPerPage   = 50
	// linesShown is how many rows of a chunk its entry in a list names.
	linesShown = 8
)

// listedChunk is a chunk in a list.
type listedChunk struct {
	memoryindex.Entry
	Lines []listedRow
}

// listedRow is a row in a list.
type listedRow struct {
	ID, Label, Head, Project string
	Gone                     bool
}

func newListedRow(l memoryindex.Line) listedRow {
	return listedRow{l.ID, label(l.Kind, l.Type), clean(cmp.Or(l.Told, l.Title)), clean(l.Project), l.State != history.Kept}
}

// timelinePage is the first page: when what was written, and all chunks.
type timelinePage struct {
	Filter filter
	Plot   *plot // nil on pages behind the first
	Chunks []listedChunk
	Turn   turn
}

func (s *site) timeline(ctx context.Context, r *http.Request) (string, any, error) {
	f, is, err := s.readFilter(ctx, r, chunksPerPage)
	if err != nil {
		return "", nil, err
	}
	page := timelinePage{Filter: f}
	is.Lines = linesShown
	if f.page == 0 {
		counts, err := s.Index.Days(ctx, is)
		if err != nil {
			return "", nil, err
		}
		if page.Plot = newPlot(counts, s.Now()); page.Plot != nil {
			for i := range page.Plot.Bars {
				b, values := &page.Plot.Bars[i], f.values()
				values.Set("since", b.From)
				values.Set("until", b.To)
				b.Link = "./?" + values.Encode()
			}
		}
	}
	entries, more, err := s.Index.Chunks(ctx, is)
	if err != nil {
		return "", nil, err
	}
	for _, e := range entries {
		c := listedChunk{Entry: e}
		sessions := onlySessions(e.Rows)
		for _, line := range e.Rows {
			if sessions || line.Kind != "session" {
				c.Lines = append(c.Lines, newListedRow(line))
			}
		}
		page.Chunks = append(page.Chunks, c)
	}
	page.Turn = f.turns("./", f.values(), chunksPerPage, len(entries), more)
	return "Timeline", page, nil
}

func onlySessions(lines []memoryindex.Line) bool {
	for _, l := range lines {
		if l.Kind != "session" {
			return false
		}
	}
	return true
}

// searchPage is what was found; without words the latest memories.
type searchPage struct {
	Filter filter
	Hits   []hit
	Turn   turn
}

// hit is a row that was found.
type hit struct {
	listedRow
	Title, Snippet []markdown.Span
	At             string
	Chunk, By      string
}

func (s *site) search(ctx context.Context, r *http.Request) (string, any, error) {
	f, is, err := s.readFilter(ctx, r, hitsPerPage)
	if err != nil {
		return "", nil, err
	}
	title := "Memories, the latest first"
	words, err := memoryindex.ParseWords(f.Words)
	switch {
	case err == nil:
		title = "Search"
	case errors.Is(err, memoryindex.ErrNoWords) && f.Words != "":
		f.Wrong = "There is no word to look for in “" + clean(f.Words) + "”: these are all memories."
	}
	found := memoryindex.NewSigns()
	hits, more, err := s.Index.Search(ctx, memoryindex.Query{Filter: is, Words: words, Gone: f.Deleted, Open: found.Open, Close: found.Close})
	if err != nil {
		return "", nil, err
	}
	page := searchPage{Filter: f, Turn: f.turns("search", f.values(), hitsPerPage, len(hits), more)}
	for _, h := range hits {
		out := hit{listedRow: newListedRow(h.Line), At: h.UpdatedAt, Chunk: h.ChunkID(), By: clean(h.CreatedBy)}
		if out.Gone = h.Gone; out.At == "" {
			out.At = h.CreatedAt
		}
		if len(h.Title) <= maxPart {
			out.Title = markdown.Spans(found.Marked(h.Title))
		}
		if len(out.Title) == 0 {
			out.Title = []markdown.Span{{Text: out.Head}}
		}
		if len(h.Snippet) <= maxPart { // a word may be a megabyte
			out.Snippet = markdown.Spans(markdown.Bare(found.Marked(h.Snippet)))
		}
		page.Hits = append(page.Hits, out)
	}
	return title, page, nil
}

// chunkPage is one chunk, a part of its rows.
type chunkPage struct {
	memoryindex.Entry
	Wrong  string // with it
	Groups []group
	Turn   turn
}

// group are rows of one session, or those of none.
type group struct {
	Session string
	Link    string
	Rows    []row
}

func (s *site) chunk(ctx context.Context, r *http.Request) (string, any, error) {
	id, err := engram.ParseChunkID(r.FormValue("id"))
	if err != nil {
		return "", nil, &refusal{http.StatusNotFound, "“" + clean(r.FormValue("id")) + "” is no id of a chunk"}
	}
	e, found, err := s.Index.Chunk(ctx, id)
	if err != nil {
		return "", nil, err
	}
	if !found {
		return "", nil, &refusal{http.StatusNotFound, "there is no chunk " + id.String() + " here"}
	}
	rows, err := s.ReadChunk(ctx, id)
	page := chunkPage{Entry: e}
	if err != nil {
		page.Wrong = sentence(clean(s.Tell(err)))
	}
	rows = bySession(rows)
	var f filter
	if n, err := strconv.Atoi(r.FormValue("page")); err == nil && n > 1 {
		f.page = min(n, maxPage) - 1
	}
	from := min(f.page*rowsPerPage, len(rows))
	to := min(from+rowsPerPage, len(rows))
	page.Turn = f.turns("chunk", map[string][]string{"id": {id.String()}}, rowsPerPage, to-from, len(rows)-to)
	titles, err := s.Index.Titles(ctx, history.Ends(rows[from:to]))
	if err != nil {
		return "", nil, err
	}
	for i := range rows[from:to] {
		r := &rows[from+i]
		session := sessionOf(r)
		if n := len(page.Groups); n == 0 || page.Groups[n-1].Session != clean(session) {
			page.Groups = append(page.Groups, group{Session: clean(session), Link: memoryLink(session)})
		}
		last := &page.Groups[len(page.Groups)-1]
		last.Rows = append(last.Rows, newRow(*r, maxPart, titles))
	}
	return "Chunk " + id.String(), page, nil
}

// sessionOf is the session that a row is shown with; relations and deletions stand behind all.
func sessionOf(r *history.Row) string {
	if r.Kind == "relation" || r.State == history.Removed {
		return ""
	}
	return r.Session
}

// bySession orders rows so that those of one session are together, in the order in which sessions come.
func bySession(rows []history.Row) []history.Row {
	var order []string
	groups := map[string][]history.Row{}
	for i := range rows {
		session := sessionOf(&rows[i])
		if _, known := groups[session]; !known && session != "" {
			order = append(order, session)
		}
		groups[session] = append(groups[session], rows[i])
	}
	sorted := make([]history.Row, 0, len(rows))
	for _, session := range append(order, "") {
		sorted = append(sorted, groups[session]...)
	}
	return sorted
}
