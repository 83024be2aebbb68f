package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/engram-sync/engram-sync/internal/server/pieces"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// withKind gives errors of using a database the kinds of the contract. What
// PostgreSQL did not answer itself is about the way to it.
func withKind(err error) error {
	var refusal *pgconn.PgError
	var body *pieces.BodyError // no fault of the database
	switch {
	case err == nil, errors.As(err, &body), errors.Is(err, store.ErrForeign), errors.Is(err, store.ErrBusy),
		errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict):
		return err
	case !errors.As(err, &refusal):
		return store.WithKind(store.ErrUnavailable, err)
	}
	switch refusal.Code {
	case "XX001", "XX002": // data_corrupted, index_corrupted
		return store.WithKind(store.ErrDamaged, err)
	case "53100": // disk_full
		return store.WithKind(store.ErrFull, err)
	case "3D000", "28000", "28P01", "42501": // no such database, no such user, the wrong password, no right to do that
		return store.WithKind(store.ErrUnusable, err)
	case "25006", "58030", "55P03", "55000": // read_only, io_error, lock_not_available, not in this state (recovery)
		return store.WithKind(store.ErrUnavailable, err)
	}
	switch refusal.Code[:2] {
	case "08", "40", "53", "57": // connection, rolled back, resources, an administrator or a cancelled query
		return store.WithKind(store.ErrUnavailable, err)
	}
	return err
}
