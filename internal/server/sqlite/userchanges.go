package sqlite

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// userChanges counts the changes of users and keys that any Store on the database made:
// in the size of a file beside it, since to ask that costs a hundredth of a query, and
// SQLite itself tells only of changes of any kind.
type userChanges struct {
	file *os.File
	ours atomic.Int64 // counted also if the file takes no more
}

func countUserChanges(path string) (*userChanges, error) {
	f, err := sharing.OpenFile(path+"-users", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the count of changes beside the database: %w", err)
	}
	return &userChanges{file: f}, nil
}

// UserChanges implements store.Users.
func (s *Store) UserChanges() int64 {
	var others int64
	if info, err := s.users.file.Stat(); err == nil { // else they are seen late
		others = info.Size()
	}
	return s.users.ours.Load() + others
}

// updateUsers is update, for changes of users who were there before.
func (s *Store) updateUsers(ctx context.Context, change change) error {
	err := s.update(ctx, 0, change)
	s.users.ours.Add(1)
	// An error may hide that the change was made. That a full disk keeps others from
	// hearing of it at once is no failure of the change.
	_, _ = s.users.file.Write([]byte{'.'})
	return err
}
