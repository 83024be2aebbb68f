package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// findUser gives the one user for whom what follows FROM is true, else ErrNoUser.
func findUser(ctx context.Context, q querier, from string, args ...any) (u store.User, err error) {
	err = q.QueryRow(ctx, `SELECT u.id, u.username, coalesce(u.email, ''), coalesce(u.password_hash, ''), u.token_tag,
		u.created_at, u.disabled, u.builtin FROM users u `+from, args...).
		Scan(&u.ID, &u.Name, &u.Email, &u.PasswordHash, &u.TokenTag, moment{&u.CreatedAt}, &u.Disabled, &u.BuiltIn)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.User{}, store.ErrNoUser
	}
	return u, err
}

func (s *Store) findUser(ctx context.Context, from string, args ...any) (u store.User, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		u, err = findUser(ctx, s.pool, from, args...)
		return err
	})
	return u, err
}

// UserByID implements store.Users.
func (s *Store) UserByID(ctx context.Context, id string) (store.User, error) {
	return s.findUser(ctx, "WHERE u.id = $1", id)
}

// UserByLogin implements store.Users.
func (s *Store) UserByLogin(ctx context.Context, login string) (store.User, error) {
	return s.findUser(ctx, "WHERE u.username = $1 OR u.email = $1 ORDER BY u.username = $1 DESC LIMIT 1", login)
}

// UserByKey implements store.Users.
func (s *Store) UserByKey(ctx context.Context, keyHash string) (store.User, error) {
	return s.findUser(ctx, "JOIN api_keys k ON k.user_id = u.id WHERE k.key_sha256 = $1", keyHash)
}

// ListUsers implements store.Users.
func (s *Store) ListUsers(ctx context.Context) (users []store.UserUsage, err error) {
	err = s.whileOpen(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT u.id, u.username, coalesce(u.email, ''), u.created_at, u.disabled, u.builtin,
			count(c.seq), coalesce(sum(c.size), 0)::bigint, u.used, coalesce(u.quota, $1), u.seen_at, u.seen_from
			FROM users u LEFT JOIN chunks c ON c.user_id = u.id GROUP BY u.id ORDER BY u.username`, s.quota)
		if err != nil {
			return err
		}
		users, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (u store.UserUsage, err error) {
			var seen *time.Time
			err = row.Scan(&u.ID, &u.Username, &u.Email, moment{&u.CreatedAt}, &u.Disabled, &u.BuiltIn, &u.Chunks, &u.Bytes, &u.Used, &u.Quota,
				&seen, &u.LastSeenFrom)
			if seen != nil {
				u.LastSeen = seen.UTC()
			}
			return u, err
		})
		return err
	})
	return users, err
}

// naming is the number of the lock that whoever gives a user a name holds: names
// and emails share one space, and two tables cannot say so.
const naming = 0x456e6773

// CreateUser implements store.Users.
func (s *Store) CreateUser(ctx context.Context, name, email, passwordHash string) (store.User, error) {
	return s.createUser(ctx, name, email, passwordHash, func(context.Context, pgx.Tx) error { return nil })
}

// CreateInvited implements store.Users.
func (s *Store) CreateInvited(ctx context.Context, invitation, name, email, passwordHash string) (store.User, error) {
	return s.createUser(ctx, name, email, passwordHash, func(ctx context.Context, tx pgx.Tx) error {
		used, err := tx.Exec(ctx, "DELETE FROM invitations WHERE code_sha256 = $1 AND until > $2", invitation, s.timestamp())
		if err == nil && used.RowsAffected() == 0 {
			return store.ErrNoInvitation
		}
		return err
	})
}

// Invite implements store.Users.
func (s *Store) Invite(ctx context.Context, invitation string, until time.Time) error {
	return s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM invitations WHERE until <= $1", s.timestamp()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO invitations (code_sha256, until) VALUES ($1, $2)", invitation, until)
		return err
	})
}

// createUser adds a user whom admit lets in.
func (s *Store) createUser(ctx context.Context, name, email, passwordHash string, admit func(context.Context, pgx.Tx) error) (u store.User, err error) {
	err = s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", naming); err != nil {
			return err
		}
		if err := admit(ctx, tx); err != nil {
			return err
		}
		for _, claim := range []struct {
			text  string
			taken error
		}{{name, store.ErrUsernameTaken}, {email, store.ErrEmailTaken}} {
			var taken bool
			err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM users WHERE username = $1 OR email = $1)", claim.text).Scan(&taken)
			if err != nil {
				return err
			}
			if taken || claim.text == store.LocalName {
				return claim.taken
			}
		}
		u, err = s.insertUser(ctx, tx, store.User{Name: name, Email: email, PasswordHash: passwordHash})
		return err
	})
	return u, err
}

// LocalUser implements store.Users.
func (s *Store) LocalUser(ctx context.Context) (store.User, error) {
	const builtIn = "WHERE u.builtin"
	u, err := s.findUser(ctx, builtIn)
	if !errors.Is(err, store.ErrNoUser) {
		return u, err
	}
	err = s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", naming); err != nil {
			return err
		}
		// Another process may have been faster.
		if u, err = findUser(ctx, tx, builtIn); errors.Is(err, store.ErrNoUser) {
			u, err = s.insertUser(ctx, tx, store.User{Name: store.LocalName, BuiltIn: true})
		}
		return err
	})
	return u, err
}

// insertUser adds u under a new id, and gives it as it is from now on.
func (s *Store) insertUser(ctx context.Context, tx pgx.Tx, u store.User) (store.User, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return store.User{}, fmt.Errorf("make a user id: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO users (id, username, email, password_hash, builtin, manifest_tag, created_at)
		VALUES ($1, $2, nullif($3, ''), nullif($4, ''), $5, $6, $7)`,
		id.String(), u.Name, u.Email, u.PasswordHash, u.BuiltIn, rand.Text(), s.timestamp())
	if err != nil {
		return store.User{}, err
	}
	return findUser(ctx, tx, "WHERE u.id = $1", id.String())
}

// UserChanges implements store.Users.
func (s *Store) UserChanges() int64 { return s.userChanges.Load() }

// updateUsers is update, for changes of users who were there before. An error may hide
// that the change was made.
func (s *Store) updateUsers(ctx context.Context, change func(ctx context.Context, tx pgx.Tx) error) error {
	defer s.userChanges.Add(1)
	return s.update(ctx, change)
}

// SetDisabled implements store.Users.
func (s *Store) SetDisabled(ctx context.Context, name string, disabled bool) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return changeUser(ctx, tx, name, "UPDATE users SET disabled = $2 WHERE username = $1", name, disabled)
	})
}

// DefaultQuota implements store.Users.
func (s *Store) DefaultQuota(bytes int64) { s.quota = bytes }

// SetQuota implements store.Users.
func (s *Store) SetQuota(ctx context.Context, name string, bytes int64) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return changeUser(ctx, tx, name, "UPDATE users SET quota = CASE WHEN $2::bigint >= 0 THEN $2::bigint END WHERE username = $1", name, bytes)
	})
}

// use counts bytes for a user's quota.
func (s *Store) use(ctx context.Context, tx pgx.Tx, userID string, more int64) error {
	var used, quota int64
	err := tx.QueryRow(ctx, "UPDATE users SET used = used + $1 WHERE id = $2 RETURNING used, coalesce(quota, $3)", more, userID, s.quota).
		Scan(&used, &quota)
	if err == nil && more > 0 && quota > 0 && used > quota {
		return &store.QuotaError{Quota: quota}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNoUser
	}
	return err
}

// DeleteUser implements store.Users.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return changeUser(ctx, tx, name, "DELETE FROM users WHERE username = $1", name)
	})
}

// SignOut implements store.Users.
func (s *Store) SignOut(ctx context.Context, name string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx pgx.Tx) error { return signOut(ctx, tx, name) })
}

// signOut lets no token and no key of a user count any more.
func signOut(ctx context.Context, tx pgx.Tx, name string) error {
	if err := changeUser(ctx, tx, name, "UPDATE users SET token_tag = $2 WHERE username = $1", name, rand.Text()); err != nil {
		return err
	}
	for _, what := range []string{"api_keys", "sessions"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+what+" WHERE user_id = (SELECT id FROM users WHERE username = $1)", name); err != nil {
			return err
		}
	}
	return nil
}

// SetPassword implements store.Users.
func (s *Store) SetPassword(ctx context.Context, name, passwordHash string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := signOut(ctx, tx, name); err != nil {
			return err
		}
		return changeUser(ctx, tx, name, "UPDATE users SET password_hash = $2 WHERE username = $1", name, passwordHash)
	})
}

// changeUser runs a statement that changes the one user of this name, or gives ErrNoUser.
func changeUser(ctx context.Context, tx pgx.Tx, name, statement string, args ...any) error {
	changed, err := tx.Exec(ctx, statement, args...)
	if err == nil && changed.RowsAffected() == 0 {
		return fmt.Errorf("%w: %q", store.ErrNoUser, name)
	}
	return err
}

// SetKey implements store.Users. The user's row is locked, so that the password
// does not change meanwhile.
func (s *Store) SetKey(ctx context.Context, u store.User, keyHash string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx pgx.Tx) error {
		added, err := tx.Exec(ctx, `INSERT INTO api_keys (user_id, key_sha256, created_at)
			SELECT id, $1, $2 FROM users WHERE id = $3 AND token_tag = $4 FOR NO KEY UPDATE
			ON CONFLICT (user_id) DO UPDATE SET key_sha256 = excluded.key_sha256, created_at = excluded.created_at`,
			keyHash, s.timestamp(), u.ID, u.TokenTag)
		if err == nil && added.RowsAffected() == 0 {
			return store.ErrNoUser
		}
		return err
	})
}

// RemoveKey implements store.Users.
func (s *Store) RemoveKey(ctx context.Context, userID string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM api_keys WHERE user_id = $1", userID)
		return err
	})
}
