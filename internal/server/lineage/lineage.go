// Package lineage notices that a database of the account server is another one than before, or an older copy of it, by a file beside
// the signing key. internal/server asks it when it opens one.
package lineage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// File remembers, beside the key, of a database in a file what the database should remember itself.
const File = "server.lineage"

var (
	// ErrReplaced says that a database belongs to another signing key.
	ErrReplaced = errors.New("the database is another one")
	// ErrOlder says that a database is a copy from before it was last opened or backed up.
	ErrOlder = errors.New("the database is older than it was")
)

// Database is one that tells whose it is.
type Database interface {
	Lineage(ctx context.Context) (store.Lineage, error)
	Opened(ctx context.Context, key string) (store.Lineage, error)
}

// Lineage compares a database with what a file knows of it. That costs a write for each time that it is opened
// or backed up, and none for what it keeps: a copy that is not older than the last of these passes.
type Lineage struct {
	DB   Database
	File string
	Log  *slog.Logger
}

// Check refuses a database that is not the one of this key that was open last. Nothing of it was changed then, but for
// its schema.
func (l Lineage) Check(ctx context.Context, key []byte) error {
	there, err := l.DB.Lineage(ctx)
	if err != nil {
		return err
	}
	var known store.Lineage
	text, err := sharing.ReadFile(l.File)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s, which says how old the database is: %w; remove it if the database is the right one", l.File, err)
	}
	own := Fingerprint(key)
	switch {
	case there.Key != "" && there.Key != own, known.Key != "" && known.Key != own:
		return fmt.Errorf("%w than the one of this signing key; bring that back, or, if this one is meant, remove %s and the key, if it is in a file", ErrReplaced, l.File)
	case there.Opened < known.Opened:
		return fmt.Errorf("%w, a copy from before: what came since is not in it; bring the newer one back, or, if this one is meant, remove %s", ErrOlder, l.File)
	}
	return nil
}

// Note writes down that the database is in use now. A full disk keeps nobody from reading what is there.
func (l Lineage) Note(ctx context.Context, key []byte) error {
	now, err := l.DB.Opened(ctx, Fingerprint(key))
	if errors.Is(err, store.ErrFull) {
		l.Log.WarnContext(ctx, "the database does not remember that it was opened", "error", err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(now)
	if err == nil {
		err = atomicfile.Write(l.File, text, 0o600)
	}
	if err != nil {
		l.Log.WarnContext(ctx, "how old the database is is not written down", "error", err.Error())
	}
	return nil
}

// Fingerprint tells keys apart, and nothing about them: they are random.
func Fingerprint(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:])
}
