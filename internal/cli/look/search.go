package look

import (
	"cmp"
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

What was deleted is left out unless you ask with --deleted. No match is no failure. With
--remote: all chunks of that remote. Those that are not here are downloaded once, to be
read into an index of its own, and not kept.` + indexLong

type searcher struct {
	*looker
	filter
	deleted bool
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
		hits, more, err := x.Search(cmd.Context(), memoryindex.Query{Filter: asked, Words: words, Gone: s.deleted, Open: found.Open, Close: found.Close})
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
			s.term.Note("no memory has that")
		case more > 0:
			s.term.Note("%d more (--limit 0 lists all)", more)
		}
		return s.end(x.failed)
	})
}

func newFoundRow(h memoryindex.Hit, found memoryindex.Signs) foundRow {
	return foundRow{
		loggedRow: newLoggedRow(h.Line), Deleted: h.Gone, Session: h.Session, CreatedAt: h.CreatedAt, UpdatedAt: h.UpdatedAt,
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
	if state != history.Kept {
		kind = "deleted " + kind
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
