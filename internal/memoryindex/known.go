package memoryindex

import (
	"context"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
)

// Known are the stamps of the chunks that were read, by their ids.
func (x *Index) Known(ctx context.Context) (stamps map[engram.ChunkID]string, err error) {
	stamps = map[engram.ChunkID]string{}
	err = x.each(ctx, "SELECT id, stamp FROM chunks WHERE known", nil, func(scan func(...any) error) error {
		var text, stamp string
		if err := scan(&text, &stamp); err != nil {
			return err
		}
		id, err := engram.ParseChunkID(text)
		stamps[id] = stamp
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the index of memories: %w", err)
	}
	return stamps, nil
}

// Mentioning are the chunks that say something of any of these.
func (x *Index) Mentioning(ctx context.Context, of []history.Identity) (chunks map[engram.ChunkID]bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("read the index of memories: %w", err)
		}
	}()
	query, err := x.db.PrepareContext(ctx, "SELECT c.id FROM rows r JOIN chunks c ON c.n = r.chunk WHERE r.id = ? AND r.kind = ?")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, query.Close()) }()
	chunks = map[engram.ChunkID]bool{}
	for _, one := range of {
		rows, err := query.QueryContext(ctx, one.ID, one.Kind)
		if err == nil {
			err = takeAll(rows, func(scan func(...any) error) error {
				var text string
				if err := scan(&text); err != nil {
					return err
				}
				id, err := engram.ParseChunkID(text)
				chunks[id] = true
				return err
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return chunks, nil
}

// Tied are what has several versions of which no time says which is the newest: history.Version.Compare counts in seconds.
func (x *Index) Tied(ctx context.Context) (of []history.Identity, err error) {
	err = x.each(ctx, "SELECT kind, id FROM rows GROUP BY id, kind HAVING count(*) > 1 AND (sum(moment = 0) > 0 OR count(DISTINCT moment / 1000000000) < count(*))",
		nil, func(scan func(...any) error) error {
			var one history.Identity
			err := scan(&one.Kind, &one.ID)
			of = append(of, one)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read the index of memories: %w", err)
	}
	return of, nil
}
