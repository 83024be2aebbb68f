// Package memoryindex keeps what chunks say of memories in a SQLite file of our own cache, so that they are found, ranked and
// listed without reading every chunk. It is a cache: what is damaged, or of another release, is made anew. Commands that show
// memories open one for each place that chunks lie in, and bring it up to date before they ask it.
package memoryindex

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adrg/xdg"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/sqliteuri"
)

const (
	// schema is the number of what stands in the file. Another one is thrown away.
	schema = 3
	suffix = ".db"
	// maxIndexes bounds how many places are remembered: the oldest go.
	maxIndexes = 32
	dirPerm    = 0o700
	filePerm   = 0o600
)

// tables: texts are apart from rows, so that a mark of a row does not rewrite its text, and words finds in them.
const tables = `
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE chunks (
	n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, known INTEGER NOT NULL, listed INTEGER NOT NULL,
	place INTEGER NOT NULL, author TEXT NOT NULL, at TEXT NOT NULL, moment INTEGER NOT NULL,
	sessions INTEGER NOT NULL, memories INTEGER NOT NULL, prompts INTEGER NOT NULL);
CREATE INDEX chunks_moment ON chunks (moment DESC, place DESC);
CREATE TABLE rows (
	n INTEGER PRIMARY KEY, chunk INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, mark INTEGER NOT NULL,
	moment INTEGER NOT NULL, session TEXT NOT NULL, project TEXT NOT NULL, type TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE INDEX rows_id ON rows (id, kind);
CREATE INDEX rows_chunk ON rows (chunk);
CREATE INDEX rows_unmarked ON rows (id, kind) WHERE mark < 0;
CREATE TABLE texts (n INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (title, body, content='texts', content_rowid='n', tokenize="unicode61 remove_diacritics 2");
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
`

// What a row is among those of its identity.
const (
	unmarked = -1 // not found out yet
	older    = 0  // another one has the newest text, or it has none
	newest   = 1  // of what is there
	gone     = 2  // the newest text of what was deleted
)

// Index is an open index. Its methods may be called by several goroutines, and several processes may have the same file open.
type Index struct {
	db   *sql.DB
	path string // "": in memory
	// beforeCommit is for tests: it is called where a batch has been written.
	beforeCommit func() error
}

// Dir is where indexes lie: $XDG_CACHE_HOME/engram-sync/memories, or below the system's own place for such files.
func Dir() string { return filepath.Join(xdg.CacheHome, "engram-sync", "memories") }

// OfDirectory is the place that a chunk directory is.
func OfDirectory(path string) string { return "directory\x00" + path }

// Forget removes the index of a place, as text that is to be nowhere any more stands in it.
func Forget(dir, place string) { Remove(fileOf(dir, place)) }

func fileOf(dir, place string) string {
	sum := sha256.Sum256([]byte(place))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+suffix)
}

// Open opens the index of a place, such as the path of a chunk directory or the name of a remote, below dir. What is there
// and no good is thrown away. Where nothing can be written, or dir is "", the index is in memory, and kept says so by false.
func Open(ctx context.Context, dir, place string) (x *Index, kept bool, err error) {
	if dir == "" {
		x, err = openAt(ctx, "", alone)
		return x, false, err
	}
	path := fileOf(dir, place)
	if x, err = open(ctx, path, alone); err == nil {
		prune(path)
		return x, true, nil
	}
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	x, err = openAt(ctx, "", alone)
	return x, false, err
}

// OpenFile opens an index of which a program has many, in a file of its own that takes at most so many bytes: with little memory, and
// with a connection to read by while another one writes. What is there and no good is thrown away.
func OpenFile(ctx context.Context, path string, most int64) (*Index, error) {
	return open(ctx, path, bounds{bytes: most, cache: 2 << 10, connections: 2})
}

// bounds are what an index may take.
type bounds struct {
	bytes       int64 // of the file; 0: any number
	cache       int   // KiB, of each connection
	connections int
}

// alone is the only index of a process. In memory, another connection would be another database.
var alone = bounds{cache: 32_000, connections: 1}

// open opens the index in a file, and makes it anew where it is no good.
func open(ctx context.Context, path string, of bounds) (x *Index, err error) {
	if x, err = openAt(ctx, path, of); err != nil && isSpoilt(err) && ctx.Err() == nil {
		Remove(path)
		x, err = openAt(ctx, path, of)
	}
	return x, err
}

// errSchema says that another release wrote the file.
var errSchema = errors.New("another schema")

// pageBytes is the size of SQLite's pages, in which it counts.
const pageBytes = 4096

func openAt(ctx context.Context, path string, of bounds) (*Index, error) {
	uri := "file::memory:"
	if path != "" {
		if err := os.MkdirAll(filepath.Dir(path), dirPerm); err != nil {
			return nil, err
		}
		f, err := sharing.OpenFile(path, os.O_RDWR|os.O_CREATE, filePerm) // SQLite would give it other rights
		if err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
		uri = sqliteuri.Of(path, url.Values{"_txlock": {"immediate"}, "_pragma": {
			"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)", fmt.Sprintf("cache_size(-%d)", of.cache), "trusted_schema(0)",
			fmt.Sprintf("max_page_count(%d)", cmp.Or(of.bytes/pageBytes, math.MaxUint32-1)),
			"secure_delete(1)", // text that was taken out of a chunk is not to lie in free pages
		}})
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, fmt.Errorf("open the index of memories: %w", err)
	}
	db.SetMaxOpenConns(of.connections)
	x := &Index{db: db, path: path}
	if err := x.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the index of memories: %w", err), db.Close())
	}
	return x, nil
}

// prepare makes the tables where there are none.
func (x *Index) prepare(ctx context.Context) error {
	has, err := x.schema(ctx)
	if err != nil || has == schema {
		return err
	}
	return x.update(ctx, func(tx *sql.Tx) error { // of two processes one makes them
		var has int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&has); err != nil || has == schema {
			return err
		}
		if has != 0 {
			return errSchema
		}
		_, err := tx.ExecContext(ctx, tables+fmt.Sprintf("PRAGMA user_version = %d", schema))
		return err
	})
}

func (x *Index) schema(ctx context.Context) (has int, err error) {
	err = x.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&has)
	return has, err
}

// update runs do in a transaction, which is kept only if do gives nil.
func (x *Index) update(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Close ends the use of the index.
func (x *Index) Close() error { return x.db.Close() }

// IsSpoilt says of an error of an index that its file is no good: Discard it, and open it anew.
func IsSpoilt(err error) bool { return isSpoilt(err) }

// IsUnkept says of an error of an index that its file cannot be written, or that others write it all the time: one in
// memory will do.
func IsUnkept(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// code is SQLite's primary result code, 0 where err is not SQLite's.
func code(err error) int {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return 0
	}
	return failure.Code() & 0xff
}

func isSpoilt(err error) bool {
	if errors.Is(err, errSchema) {
		return true
	}
	switch code(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT:
		return true
	}
	return false
}

// Discard closes the index and removes its file.
func (x *Index) Discard() {
	_ = x.Close() // it is thrown away
	Remove(x.path)
}

// Remove removes the file of an index that is not open, and what lies beside it.
func Remove(path string) {
	if path == "" {
		return
	}
	for _, beside := range []string{"-wal", "-shm", ""} {
		_ = sharing.Remove(path + beside) // what cannot be removed cannot be opened either
	}
}

// prune removes the indexes beside a file that were written longest ago, if there are too many.
func prune(path string) {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) <= maxIndexes {
		return
	}
	var all []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), suffix) && e.Name() != filepath.Base(path) {
			all = append(all, info)
		}
	}
	slices.SortFunc(all, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, info := range all[min(len(all), maxIndexes-1):] {
		Remove(filepath.Join(dir, info.Name()))
	}
}
