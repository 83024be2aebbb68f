package pages

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/secret"
)

const (
	// versionsShown is how many versions of a memory are read, the newest of all: each may be in another chunk.
	versionsShown = 20
	// bytesShown bounds their texts, which are in memory at once.
	bytesShown = 24 << 20
	// maxVersions bounds all versions, of which the newest are looked for.
	maxVersions = 50_000
)

// memoryPage is what has an identity: of several kinds, if so many have it.
type memoryPage struct {
	ID       string
	Memories []shownMemory
}

// shownMemory is a memory and its history.
type shownMemory struct {
	memoryindex.Memory
	Row      row // nothing but a head where no text is left
	Versions []shownVersion
}

// shownVersion is what one chunk said, and what changed by it.
type shownVersion struct {
	memoryindex.Version
	What    string
	Members []change
	Lines   []line
	Large   bool // texts are too large to be compared
}

// change is a member that had another value before.
type change struct{ Name, Before, After string }

func (s *site) memory(ctx context.Context, r *http.Request) (string, any, error) {
	id := r.FormValue("id")
	many, err := s.Index.Many(ctx, id, maxVersions)
	if err != nil {
		return "", nil, err
	}
	if many {
		return "", nil, &refusal{http.StatusUnprocessableEntity, "“" + clean(id) + "” has more versions than can be shown"}
	}
	places, err := s.Index.Versions(ctx, id)
	if err != nil {
		return "", nil, err
	}
	if len(places) == 0 {
		return "", nil, &refusal{http.StatusNotFound, "no chunk that can be read here has “" + clean(id) + "”"}
	}
	memories, err := memoryindex.ReadMemories(ctx, s.Source, places, memoryindex.Most{Versions: versionsShown, Bytes: bytesShown})
	if errors.Is(err, memoryindex.ErrLarge) {
		return "", nil, &refusal{http.StatusUnprocessableEntity, err.Error()}
	}
	if err != nil {
		return "", nil, err
	}
	page, title := memoryPage{ID: clean(id)}, clean(id)
	for _, m := range memories {
		var titles map[string]string
		if m.Newest != nil {
			if titles, err = s.Index.Titles(ctx, history.Ends([]history.Row{*m.Newest})); err != nil {
				return "", nil, err
			}
		}
		shown := newShownMemory(m, titles)
		title = shown.Row.Head
		page.Memories = append(page.Memories, shown)
	}
	return title, page, nil
}

func newShownMemory(m memoryindex.Memory, titles map[string]string) shownMemory {
	shown := shownMemory{Memory: m, Row: newRow(history.Row{Kind: m.Kind, ID: m.ID, State: history.Removed}, 0, nil)}
	if m.Newest != nil {
		r := *m.Newest
		if m.Deleted {
			r.State = history.Deleted
		}
		shown.Row = newRow(r, maxBody, titles)
	}
	for i, v := range m.Versions {
		out := shownVersion{Version: v, What: strings.Join(v.Changes, ", ")}
		if v.State == history.Kept && v.Changes[0] != "new" && v.Changes[0] != "unchanged" {
			out.What = "changed " + out.What
		}
		if before := beforeOf(m.Versions[i+1:]); before != nil && v.State != history.Removed && i+1 < len(m.Versions) {
			out.Members = changes(before, v.Row)
			if before.Content != v.Row.Content {
				out.Lines, out.Large = compare(secret.Redact(before.Content), secret.Redact(v.Row.Content))
			}
		}
		shown.Versions = append(shown.Versions, out)
	}
	return shown
}

// beforeOf is the latest of older versions that has a text.
func beforeOf(older []memoryindex.Version) *history.Row {
	for _, v := range older {
		if v.State != history.Removed {
			return v.Row
		}
	}
	return nil
}

// changes are the members but the text that two versions differ in.
func changes(before, after *history.Row) (all []change) {
	for _, m := range []change{
		{"title", before.Title, after.Title}, {"type", before.Type, after.Type}, {"project", before.Project, after.Project}, {"session", before.Session, after.Session},
		{"scope", before.Scope, after.Scope}, {"topic", before.Topic, after.Topic}, {"directory", before.Directory, after.Directory},
		{"judgment", before.Judgment, after.Judgment},
	} {
		if m.Before != m.After {
			all = append(all, change{m.Name, clean(m.Before), clean(m.After)})
		}
	}
	return all
}
