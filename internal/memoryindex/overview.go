package memoryindex

import (
	"context"
	"fmt"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Count is how much of a kind there is on one day.
type Count struct {
	Day  int64 // since 1970 in UTC; 0 where nobody says
	Kind string
	N    int
}

// The kinds of counts, besides those of rows that releases of engram write.
const (
	KindChunk = "chunk"
	KindOther = "other"
)

// day is a number of the day of a moment.
const day = "/ 86400000000000"

// Days counts the chunks by the day they were written, and the newest versions of rows that are not deleted by their own.
func (x *Index) Days(ctx context.Context, f Filter) (counts []Count, err error) {
	take := func(scan func(...any) error) error {
		var c Count
		err := scan(&c.Day, &c.Kind, &c.N)
		counts = append(counts, c)
		return err
	}
	conditions, args := f.chunks()
	err = x.each(ctx, "SELECT "+chunkMoment+day+", '"+KindChunk+"', count(*) FROM chunks c WHERE "+and(conditions)+" GROUP BY 1", args, take)
	if err != nil {
		return nil, fmt.Errorf("read the index of memories: %w", err)
	}
	conditions, args = f.versions(newest, newest)
	err = x.each(ctx, `SELECT coalesce(nullif(r.moment, 0), c.moment) `+day+`,
		CASE WHEN r.kind IN ('session', 'observation', 'prompt', 'relation') THEN r.kind ELSE '`+KindOther+`' END, count(*)
		FROM rows r JOIN chunks c ON c.n = r.chunk WHERE `+and(conditions)+" GROUP BY 1, 2", args, take)
	if err != nil {
		return nil, fmt.Errorf("read the index of memories: %w", err)
	}
	return counts, nil
}

// Choices are what a filter can ask for, what is most frequent first.
type Choices struct{ Projects, Types, Authors []string }

// maxChoices bounds each list of choices.
const maxChoices = 200

// Choices gives the projects, types and authors that there are, at most 200 of each.
func (x *Index) Choices(ctx context.Context) (all Choices, err error) {
	for _, list := range []struct {
		to            *[]string
		column, table string
	}{{&all.Projects, "project", "rows"}, {&all.Types, "type", "rows"}, {&all.Authors, "author", "chunks"}} {
		err = x.each(ctx, "SELECT "+list.column+" FROM "+list.table+" WHERE "+list.column+" <> '' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ?", []any{maxChoices}, func(scan func(...any) error) error {
			var choice string
			err := scan(&choice)
			*list.to = append(*list.to, choice)
			return err
		})
		if err != nil {
			return Choices{}, fmt.Errorf("read the index of memories: %w", err)
		}
	}
	return all, nil
}

// chunkMoment is when a chunk c was written. Entries say 1970 where nothing else hides no memory from engram's own export:
// such a chunk is as old as its newest row.
const chunkMoment = "(CASE WHEN c.moment > 86400000000000 THEN c.moment ELSE coalesce((SELECT max(r.moment) FROM rows r WHERE r.chunk = c.n), 0) END)"

// counts are how many sessions, memories and prompts a chunk c has, or, where that is not known, what the manifest says.
var counts = func() string {
	var list []string
	for _, kind := range [][2]string{{"session", "sessions"}, {"observation", "memories"}, {"prompt", "prompts"}} {
		list = append(list, "CASE WHEN known THEN (SELECT count(*) FROM rows r WHERE r.chunk = c.n AND r.kind = '"+kind[0]+"' AND r.state <> 'removed') ELSE "+kind[1]+" END")
	}
	return strings.Join(list, ", ")
}()

// Chunk is the entry of one chunk, without its rows.
func (x *Index) Chunk(ctx context.Context, id engram.ChunkID) (e Entry, found bool, err error) {
	e.ID = id
	err = x.each(ctx, "SELECT listed, known, author, at, "+counts+" FROM chunks c WHERE id = ?", []any{id.String()}, func(scan func(...any) error) error {
		found = true
		return scan(&e.Listed, &e.Known, &e.CreatedBy, &e.CreatedAt, &e.Sessions, &e.Memories, &e.Prompts)
	})
	if err != nil {
		return e, false, fmt.Errorf("read the index of memories: %w", err)
	}
	return e, found, nil
}
