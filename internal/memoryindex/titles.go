package memoryindex

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/engram-sync/engram-sync/internal/history"
)

// titleRunes is how much of a title stands for a memory in a line about others.
const titleRunes = 60

// Titles are those of memories, by their ids, where chunks say one.
func (x *Index) Titles(ctx context.Context, ids []string) (titles map[string]string, err error) {
	titles = map[string]string{}
	if len(ids) == 0 {
		return titles, nil
	}
	query, err := x.db.PrepareContext(ctx, "SELECT t.title, substr(t.body, 1, 300) FROM rows r JOIN texts t ON t.n = r.n WHERE r.id = ? AND r.kind = 'observation' AND r.mark > 0")
	if err != nil {
		return nil, fmt.Errorf("read the index of memories: %w", err)
	}
	defer func() { err = errors.Join(err, query.Close()) }()
	for _, id := range ids {
		if _, known := titles[id]; known || id == "" {
			continue
		}
		rows, err := query.QueryContext(ctx, id)
		if err == nil {
			err = takeAll(rows, func(scan func(...any) error) error {
				var title, body string
				err := scan(&title, &body)
				titles[id] = short(headline("observation", "", title, body))
				return err
			})
		}
		if err != nil {
			return nil, fmt.Errorf("read the index of memories: %w", err)
		}
	}
	return titles, nil
}

func short(title string) string {
	title = strings.Join(strings.Fields(title), " ")
	if runes := []rune(title); len(runes) > titleRunes {
		return string(runes[:titleRunes-1]) + "…"
	}
	return title
}

// relate gives lines of relations the titles of what they relate.
func (x *Index) relate(ctx context.Context, entries []Entry) error {
	var relations []*Line
	var ids []string
	for i := range entries {
		for j := range entries[i].Rows {
			l := &entries[i].Rows[j]
			if ends := strings.Fields(l.Title); l.Kind == "relation" && len(ends) == 3 { // as history.OfRelation has it
				relations, ids = append(relations, l), append(ids, ends[0], ends[2])
			}
		}
	}
	titles, err := x.Titles(ctx, ids)
	for _, l := range relations {
		ends := strings.Fields(l.Title)
		l.Told = history.Related(ends[0], ends[1], ends[2], titles)
	}
	return err
}
