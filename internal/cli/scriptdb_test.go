package cli

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // registers the driver

	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

func cmdSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql DIR STATEMENTS")
	}
	ts.Check(execSQL(context.Background(), ts.MkAbs(args[0]), args[1]))
}

// copyDatabase puts the database that a release of engram wrote into a data directory.
func copyDatabase(release, dir string) error {
	text, err := os.ReadFile(fixtures.Database(release))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "engram.db"), text, 0o644); err != nil {
		return err
	}
	return settle(dir)
}

// execSQL changes the database of a data directory, as engram would.
func execSQL(ctx context.Context, dir, statements string) (err error) {
	db, err := openAsEngram(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), settle(dir)) }()
	_, err = db.ExecContext(ctx, statements)
	return err
}

// openAsEngram opens the database with engram's settings. Source: local-state.md 2.1.
func openAsEngram(dir string) (*sql.DB, error) {
	path := filepath.ToSlash(filepath.Join(dir, "engram.db"))
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	db, err := sql.Open("sqlite", "file://"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// settle makes a database look as if it had been left alone for a while: its
// version is not believed before. Each time gives it another time.
func settle(dir string) error {
	path := filepath.Join(dir, "engram.db")
	at := time.Now().Add(-time.Hour + time.Duration(settled.Add(1))*time.Second)
	return os.Chtimes(path, at, at)
}

var settled atomic.Int64
