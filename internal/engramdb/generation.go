package engramdb

import (
	"context"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// knownVersion is the highest user_version that this program knows: engram has
// counted to it once, for 2.0. Source: engram-2.md 3.
const knownVersion = 1

// Generation is that of the engram which keeps the database, by its columns: those
// of a release candidate are there before its number is. 0 stands for a database
// of a later engram than is known here; what it has in common with the known ones
// can be read. Errors: those of Open. Source: engram-2.md 3.
func (db *DB) Generation(ctx context.Context) (engram.Generation, error) {
	var found engram.Generation
	err := db.read(ctx, func(ctx context.Context, v *view) (err error) {
		found, err = v.generation(ctx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look at engram's database: %w", err)
	}
	return found, nil
}

func (v *view) generation(ctx context.Context) (engram.Generation, error) {
	var version int
	err := v.query(ctx, func(scan func(...any) error) error { return scan(&version) }, "PRAGMA user_version")
	if err != nil || version > knownVersion {
		return 0, err
	}
	found := engram.Gen1
	if version == knownVersion {
		found = engram.Gen2
	}
	for _, sign := range []struct {
		table, column string // column is "" where the table alone tells
		of            engram.Generation
	}{
		{"sessions", "ownership_mode", engram.Gen2},
		{"sync_mutations", "disposition", engram.Gen2},
		{"user_prompts", "source_inbox_id", engram.Gen3},
		{"prompt_source_confirmations", "", engram.Gen3},
	} {
		present, err := v.columnsOf(ctx, sign.table)
		if err != nil {
			return 0, err
		}
		if present[sign.column] || sign.column == "" && len(present) > 0 {
			found = max(found, sign.of)
		}
	}
	return found, nil
}
