package look

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const searchLong = `Find memories, prompts, session summaries and relations in all chunks of the chunk
directory, the best match first, each once and in its newest version.

All words have to be there, in title or text; case and accents do not matter. A * behind
a word stands for any ending, and words in double quotes stand together:

    engram-sync search postgres migrat*
    engram-sync search '"connection pool"'

What was deleted is left out unless you ask with --deleted, and what older versions said
unless with --all-versions: chunks keep both. No match is no failure. With
--remote: all chunks of that remote. Those that are not here are downloaded once, to be
read into an index of its own, and not kept.` + indexLong

type searcher struct {
	*looker
	filter
	deleted bool
	all     bool // --all-versions
}

// NewSearch makes the command search.
func NewSearch(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	s := &searcher{}
	cmd := &cobra.Command{
		Use:     "search WORDS...",
		Short:   "Find memories in all chunks",
		Long:    problem.Help(searchLong, problem.Remote),
		Example: "  engram-sync search postgres\n  engram-sync search --since 7d --type decision 'conn* pool'\n  engram-sync search --remote work password",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, words []string) error {
			ws.OnlyLook()
			s.remote = cmd.Flags().Changed("remote")
			return s.run(cmd, strings.Join(words, " "))
		},
	}
	s.looker = newLooker(term, ws, cmd)
	s.flags(cmd, "memories", 20)
	cmd.Flags().BoolVar(&s.deleted, "deleted", false, "find what was deleted, too")
	cmd.Flags().BoolVar(&s.all, "all-versions", false, "find all versions of each, also of what was deleted")
	return cmd
}

// searchDocument is what search prints in JSON mode.
type searchDocument struct {
	Schema int          `json:"schema"`
	Hits   []foundRow   `json:"hits"`
	More   int          `json:"more"` // hits that --limit leaves out
	Failed []failedItem `json:"failed"`
}

// foundRow is a row that has the words. Snippet is a part of its text.
type foundRow struct {
	loggedRow
	Deleted   bool   `json:"deleted"`
	Older     bool   `json:"older"` // a later version is not the same
	Session   string `json:"session"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	Snippet   string `json:"snippet"`
	Chunk     string `json:"chunk"`
	ChunkBy   string `json:"chunk_created_by"`
	ChunkAt   string `json:"chunk_created_at"`

	title, snippet string // with marks where words were found
}

func (s *searcher) run(cmd *cobra.Command, text string) error {
	asked, err := s.read(s.ws, time.Now())
	if err != nil {
		return err
	}
	words, err := memoryindex.ParseWords(text)
	if err != nil {
		return &terminal.UsageError{Command: cmd.CommandPath(), Err: err}
	}
	found := memoryindex.NewSigns()
	return s.within(cmd.Context(), func(x index) error {
		query := memoryindex.Query{Filter: asked, Words: words, Gone: s.deleted, Older: s.all, Open: found.Open, Close: found.Close}
		hits, more, err := x.Search(cmd.Context(), query)
		if err != nil {
			return err
		}
		doc := searchDocument{Schema: terminal.Schema, Hits: []foundRow{}, More: more, Failed: failedItems(x.failed)}
		for _, hit := range hits {
			doc.Hits = append(doc.Hits, newFoundRow(hit, found))
		}
		end := s.page(cmd.Context())
		err = s.shown(doc, func(sheet *sheet) {
			for i, hit := range doc.Hits {
				if i > 0 {
					sheet.line()
				}
				hit.write(sheet)
			}
		})
		end()
		switch {
		case err != nil:
			return err
		case len(hits) == 0:
			return cmp.Or(s.noteNone(cmd.Context(), x, query, text), s.end(x.failed))
		case more > 0:
			s.term.Note("%d more (--limit 0 lists all)", more)
		}
		return s.end(x.failed)
	})
}

// noteNone says that nothing was found, and what would be if it were asked for otherwise.
func (s *searcher) noteNone(ctx context.Context, x index, query memoryindex.Query, text string) error {
	if unknown, err := s.noType(ctx, x, query.Filter); unknown || err != nil {
		return err
	}
	query.Limit = 1
	count := func(q memoryindex.Query) (int, error) {
		hits, more, err := x.Search(ctx, q)
		return len(hits) + more, err
	}
	every, longer := query, query
	every.Older, longer.Words = true, memoryindex.Beginnings(text)
	n, err := count(every)
	if err == nil && n > 0 && !query.Older {
		s.term.Note("no memory says that any more, but %s does: add --all-versions", terminal.Count(n, "older version"))
		return nil
	}
	if err == nil && longer.Words != "" {
		n, err = count(longer)
	}
	switch {
	case err != nil:
		return err
	case n > 0:
		s.term.Note("no memory has that; %s with longer words that begin so: put a * behind them", terminal.Count(n, "hit"))
	default:
		s.term.Note("no memory has that")
	}
	return nil
}

func newFoundRow(h memoryindex.Hit, found memoryindex.Signs) foundRow {
	return foundRow{
		loggedRow: newLoggedRow(h.Line), Deleted: h.Gone, Older: h.Older, Session: h.Session, CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt,
		Snippet: found.Without(h.Snippet), Chunk: h.ChunkID(), ChunkBy: h.CreatedBy, ChunkAt: h.ChunkEntry.CreatedAt,
		title: found.Marked(h.Title), snippet: found.Marked(h.Snippet),
	}
}

// write shows a hit: what it is, where it is, and the words that were found among others.
func (h foundRow) write(s *sheet) {
	state := history.Kept
	if h.Deleted {
		state = history.Deleted
	}
	kind := cmp.Or(clean(h.Type), clean(h.Kind))
	switch {
	case state != history.Kept:
		kind = "deleted " + kind
	case h.Older:
		kind = "older " + kind
	}
	title := h.title
	if title == "" {
		title = clean(h.Title)
	}
	s.line(markdown.Cut(safetext.Styled(safetext.Good, kind)+"  "+title, s.columns))
	id := clean(h.ID)
	if id == title { // as of a session
		id = ""
	}
	s.facts("    ", id, clock(cmp.Or(h.UpdatedAt, h.CreatedAt)), named("project", h.Project), strings.TrimSpace(named("chunk", h.Chunk)+" "+named("by", h.ChunkBy)))
	s.wrapped(markdown.Bare(h.snippet), "    ")
}

// wrapped writes a line that has marks in it, in as many lines as it takes.
func (s *sheet) wrapped(line, indent string) {
	for _, l := range markdown.Wrap(line, s.columns-len(indent)) {
		s.line(indent, l)
	}
}
