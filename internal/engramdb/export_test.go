package engramdb

import "context"

// LastSeq is the journal's end as s shows it, to see that s is one moment.
func LastSeq(ctx context.Context, s *Snapshot) (last int64, err error) {
	err = s.view.query(ctx, func(scan func(...any) error) error { return scan(&last) }, "SELECT max(seq) FROM sync_mutations")
	return last, err
}

// LimitRows is for a database whose rows are not as large as would be needed.
func (db *DB) LimitRows(n int) { db.maxRow = n }
