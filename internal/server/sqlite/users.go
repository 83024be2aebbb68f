package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// findUser gives the one user for whom what follows FROM is true, else ErrNoUser.
func findUser(ctx context.Context, q querier, from string, args ...any) (store.User, error) {
	var u store.User
	err := q.QueryRowContext(ctx, `SELECT u.id, u.username, coalesce(u.email, ''), coalesce(u.password_hash, ''), u.token_tag,
		u.created_at, u.disabled, u.builtin FROM users u `+from, args...).
		Scan(&u.ID, &u.Name, &u.Email, &u.PasswordHash, &u.TokenTag, moment{&u.CreatedAt}, &u.Disabled, &u.BuiltIn)
	if errors.Is(err, sql.ErrNoRows) {
		return store.User{}, store.ErrNoUser
	}
	return u, withKind(err)
}

func (s *Store) UserByID(ctx context.Context, id string) (store.User, error) {
	return findUser(ctx, s.read, "WHERE u.id = ?", id)
}

func (s *Store) UserByLogin(ctx context.Context, login string) (store.User, error) {
	return findUser(ctx, s.read, "WHERE u.username = ?1 OR u.email = ?1 ORDER BY u.username = ?1 DESC LIMIT 1", login)
}

func (s *Store) UserByKey(ctx context.Context, keyHash string) (store.User, error) {
	return findUser(ctx, s.read, "JOIN api_keys k ON k.user_id = u.id WHERE k.key_sha256 = ?", keyHash)
}

func (s *Store) ListUsers(ctx context.Context) (users []store.UserUsage, err error) {
	err = s.view(ctx, func(tx *transaction) error {
		return eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
			var u store.UserUsage
			var seen *string
			err = rows.Scan(&u.ID, &u.Username, &u.Email, moment{&u.CreatedAt}, &u.Disabled, &u.BuiltIn, &u.Chunks, &u.Bytes, &u.Used, &u.Quota,
				&seen, &u.LastSeenFrom)
			if err == nil && seen != nil {
				err = moment{&u.LastSeen}.Scan(*seen)
			}
			users = append(users, u)
			return true, err
		}, `SELECT u.id, u.username, coalesce(u.email, ''), u.created_at, u.disabled, u.builtin, count(c.seq), coalesce(sum(c.size), 0),
			u.used, coalesce(u.quota, ?), u.seen_at, u.seen_from
			FROM users u LEFT JOIN chunks c ON c.user_id = u.id GROUP BY u.id ORDER BY u.username`, s.quota)
	})
	return users, err
}

func (s *Store) CreateUser(ctx context.Context, name, email, passwordHash string) (store.User, error) {
	return s.createUser(ctx, name, email, passwordHash, func(context.Context, *transaction) error { return nil })
}

func (s *Store) CreateInvited(ctx context.Context, invitation, name, email, passwordHash string) (store.User, error) {
	return s.createUser(ctx, name, email, passwordHash, func(ctx context.Context, tx *transaction) error {
		used, err := countChanges(tx.ExecContext(ctx, "DELETE FROM invitations WHERE code_sha256 = ? AND until > ?", invitation, s.timestamp()))
		if err == nil && used == 0 {
			return store.ErrNoInvitation
		}
		return err
	})
}

func (s *Store) Invite(ctx context.Context, invitation string, until time.Time) error {
	return s.update(ctx, 0, func(ctx context.Context, tx *transaction) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM invitations WHERE until <= ?", s.timestamp()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO invitations (code_sha256, until) VALUES (?, ?)", invitation, timestamp(until))
		return err
	})
}

// createUser adds a user whom admit lets in.
func (s *Store) createUser(ctx context.Context, name, email, passwordHash string, admit change) (u store.User, err error) {
	err = s.update(ctx, 0, func(ctx context.Context, tx *transaction) (err error) {
		if err := admit(ctx, tx); err != nil {
			return err
		}
		for _, claim := range []struct {
			text  string
			taken error
		}{{name, store.ErrUsernameTaken}, {email, store.ErrEmailTaken}} {
			var n int
			err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE username = ?1 OR email = ?1", claim.text).Scan(&n)
			if err != nil {
				return err
			}
			if n > 0 || claim.text == store.LocalName {
				return claim.taken
			}
		}
		u, err = s.insertUser(ctx, tx, store.User{Name: name, Email: email, PasswordHash: passwordHash})
		return err
	})
	return u, err
}

func (s *Store) LocalUser(ctx context.Context) (store.User, error) {
	const builtIn = "WHERE u.builtin = 1"
	u, err := findUser(ctx, s.read, builtIn)
	if !errors.Is(err, store.ErrNoUser) {
		return u, err
	}
	err = s.update(ctx, 0, func(ctx context.Context, tx *transaction) error {
		// Another process may have been faster.
		if u, err = findUser(ctx, tx, builtIn); errors.Is(err, store.ErrNoUser) {
			u, err = s.insertUser(ctx, tx, store.User{Name: store.LocalName, BuiltIn: true})
		}
		return err
	})
	return u, err
}

// insertUser adds u under a new id, and gives it as it is from now on.
func (s *Store) insertUser(ctx context.Context, tx *transaction, u store.User) (store.User, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return store.User{}, fmt.Errorf("make a user id: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO users (id, username, email, password_hash, builtin, manifest_tag, created_at)
		VALUES (?, ?, nullif(?, ''), nullif(?, ''), ?, ?, ?)`,
		id.String(), u.Name, u.Email, u.PasswordHash, u.BuiltIn, rand.Text(), s.timestamp())
	if err != nil {
		return store.User{}, err
	}
	return findUser(ctx, tx, "WHERE u.id = ?", id.String())
}

func (s *Store) SetDisabled(ctx context.Context, name string, disabled bool) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx *transaction) error {
		return changeUser(ctx, tx, name, "UPDATE users SET disabled = ? WHERE username = ?", disabled, name)
	})
}

// Attempt implements store.Store: there is one process on a file as a rule, which counts by itself.
func (s *Store) Attempt(context.Context, string, string, int, time.Duration) (time.Duration, error) {
	return 0, nil
}

func (s *Store) DefaultQuota(bytes int64) { s.quota = bytes }

func (s *Store) SetQuota(ctx context.Context, name string, bytes int64) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx *transaction) error {
		return changeUser(ctx, tx, name, "UPDATE users SET quota = CASE WHEN ?1 >= 0 THEN ?1 END WHERE username = ?2", bytes, name)
	})
}

// use counts bytes for a user's quota.
func (s *Store) use(ctx context.Context, tx *transaction, userID string, more int64) error {
	var used, quota int64
	err := tx.QueryRowContext(ctx, "UPDATE users SET used = used + ? WHERE id = ? RETURNING used, coalesce(quota, ?)", more, userID, s.quota).
		Scan(&used, &quota)
	if err == nil && more > 0 && quota > 0 && used > quota {
		return &store.QuotaError{Quota: quota}
	}
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNoUser
	}
	return err
}

func (s *Store) DeleteUser(ctx context.Context, name string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx *transaction) error {
		return changeUser(ctx, tx, name, "DELETE FROM users WHERE username = ?", name)
	})
}

func (s *Store) SignOut(ctx context.Context, name string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx *transaction) error {
		return signOut(ctx, tx, name)
	})
}

// signOut lets no token and no key of a user count any more.
func signOut(ctx context.Context, tx *transaction, name string) error {
	if err := changeUser(ctx, tx, name, "UPDATE users SET token_tag = ? WHERE username = ?", rand.Text(), name); err != nil {
		return err
	}
	for _, what := range []string{"api_keys", "sessions"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+what+" WHERE user_id = (SELECT id FROM users WHERE username = ?)", name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) SetPassword(ctx context.Context, name, passwordHash string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx *transaction) error {
		if err := signOut(ctx, tx, name); err != nil {
			return err
		}
		return changeUser(ctx, tx, name, "UPDATE users SET password_hash = ? WHERE username = ?", passwordHash, name)
	})
}

// changeUser runs a statement that changes the one user of this name, or gives ErrNoUser.
func changeUser(ctx context.Context, tx *transaction, name, statement string, args ...any) error {
	changed, err := countChanges(tx.ExecContext(ctx, statement, args...))
	if err == nil && changed == 0 {
		return fmt.Errorf("%w: %q", store.ErrNoUser, name)
	}
	return err
}

// countChanges takes what an Exec gives.
func countChanges(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s *Store) SetKey(ctx context.Context, u store.User, keyHash string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx *transaction) error {
		added, err := countChanges(tx.ExecContext(ctx, `INSERT OR REPLACE INTO api_keys (user_id, key_sha256, created_at)
			SELECT id, ?, ? FROM users WHERE id = ? AND token_tag = ?`, keyHash, s.timestamp(), u.ID, u.TokenTag))
		if err == nil && added == 0 {
			return store.ErrNoUser
		}
		return err
	})
}

func (s *Store) RemoveKey(ctx context.Context, userID string) error {
	return s.updateUsers(ctx, func(ctx context.Context, tx *transaction) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM api_keys WHERE user_id = ?", userID)
		return err
	})
}
