package cli

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// hammerMain is a program that saves memories into the database of a data
// directory, as engram does, until its stdin ends. Then it says how many saves
// went through, and how many failed.
func hammerMain() {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is what counts
		stop()
	}()
	db, err := openAsEngram(os.Args[1])
	if err != nil {
		panic(err)
	}
	saved, failed := 0, 0
	for ctx.Err() == nil {
		if err := saveOne(context.WithoutCancel(ctx), db, saved); err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed++
			continue
		}
		saved++
		if saved == 1 {
			fmt.Fprintln(os.Stdout, "started")
		}
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
	fmt.Fprintf(os.Stdout, "%d saved, %d failed\n", saved, failed)
}

// saveOne reads and then writes in one transaction, where SQLite does not wait
// for others: the way in which engram fails. Source: local-state.md 2.1.
func saveOne(ctx context.Context, db *sql.DB, n int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	var count int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sessions").Scan(&count); err != nil {
		return fmt.Errorf("%w; %w", err, tx.Rollback())
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO observations (sync_id, session_id, type, title, content, project, scope)
		VALUES (?, 's', 'note', 'hammered', 'text', 'repo', 'project')`, fmt.Sprintf("obs-h%d", n))
	if err != nil {
		return fmt.Errorf("%w; %w", err, tx.Rollback())
	}
	return tx.Commit()
}

// Whatever we read of a database, its writer notices nothing.
func TestLookingCausesNoFailedSave(t *testing.T) {
	skipLong(t)
	for _, release := range []string{release194, release1161} {
		d := newDesk(t, release)
		d.save("obs-1", "08:00:00")
		d.run(0, "sync", "--remote", "embedded") // makes the vault
		hammer := exec.CommandContext(t.Context(), "hammer", d.data)
		hammer.Env, hammer.Dir = d.env, d.where
		var out, errs bytes.Buffer
		started := make(chan struct{})
		hammer.Stdout, hammer.Stderr = &startWriter{w: &out, started: started}, &errs
		stdin, err := hammer.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := hammer.Start(); err != nil {
			t.Fatal(err)
		}
		<-started
		for range 5 {
			d.run(0, "status", "--remote", "embedded")
			d.run(0, "export")
		}
		if err := stdin.Close(); err != nil {
			t.Fatal(err)
		}
		if err := hammer.Wait(); err != nil {
			t.Fatalf("%v: %s", err, errs.String())
		}
		if !strings.HasSuffix(out.String(), " saved, 0 failed\n") {
			t.Errorf("%s: %s%s", release, out.String(), errs.String())
		}
		// And what was saved meanwhile is found.
		d.run(0, "export")
		exported := map[string]bool{}
		for _, o := range d.clone(release1161).rows.Observations {
			exported[o.SyncID] = true
		}
		if here := len(d.rows().Observations); len(exported) != here {
			t.Errorf("%s: %d of %d memories are in chunks", release, len(exported), here)
		}
	}
}

// startWriter closes started with the first output.
type startWriter struct {
	w       io.Writer
	started chan struct{}
	begun   bool
}

func (w *startWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		close(w.started)
	}
	return w.w.Write(p)
}
