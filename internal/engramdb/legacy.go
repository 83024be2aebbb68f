package engramdb

import (
	"context"
	"fmt"
)

// Legacy says whether the database was last opened by an engram of the 1.9.4
// kind, which keeps a list of the chunks that it imported, without saying from
// where. A newer one changes that list when it opens the database. Errors: those
// of Open. Source: local-state.md 2.2 and 7.5.
func (db *DB) Legacy(ctx context.Context) (bool, error) {
	var legacy bool
	err := db.read(ctx, func(ctx context.Context, v *view) error {
		columns, err := v.columnsOf(ctx, "sync_chunks")
		legacy = len(columns) > 0 && !columns["target_key"]
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look at engram's database: %w", err)
	}
	return legacy, nil
}
