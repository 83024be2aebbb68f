package sqlite

import (
	"context"
	"database/sql"

	"github.com/engram-sync/engram-sync/internal/server/pushbody"
)

// judgeVersions reads every chunk as a push of it is read, for the version that it wants
// of a manifest: version 4 had looked for one spelling of one member within a piece. All
// tags become others, since what a manifest says may have changed, then or now.
func judgeVersions(ctx context.Context, tx *sql.Tx) error {
	var seqs []int64
	if err := eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
		var seq int64
		err = rows.Scan(&seq)
		seqs = append(seqs, seq)
		return true, err
	}, "SELECT seq FROM chunks"); err != nil {
		return err
	}
	for _, seq := range seqs {
		version, ok, err := versionOf(ctx, tx, seq)
		if err == nil && ok {
			_, err = tx.ExecContext(ctx, "UPDATE chunks SET version = ? WHERE seq = ?", version, seq)
		}
		if err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "UPDATE users SET manifest_tag = lower(hex(randomblob(16)))")
	return err
}

// versionOf is that of one chunk; ok is false where no push of its body would be taken
// today, so that nobody knows more than before.
func versionOf(ctx context.Context, tx *sql.Tx, seq int64) (version int, ok bool, err error) {
	parser := pushbody.NewEnvelopeParser()
	var bad error
	err = eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
		var piece sql.RawBytes
		if err := rows.Scan(&piece); err != nil {
			return false, err
		}
		bad = parser.Feed(piece)
		return bad == nil, nil
	}, "SELECT bytes FROM pieces WHERE chunk = ? ORDER BY start", seq)
	if err != nil || bad != nil {
		return 0, false, err
	}
	c, bad := parser.Finish()
	return c.Version, bad == nil, nil
}
