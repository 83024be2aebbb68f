package engramdb_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engramdb"
)

// actAs tells the test binary to be another process: see TestMain.
const actAs = "ENGRAMDB_TEST_ACT_AS"

func TestMain(m *testing.M) {
	if role := os.Getenv(actAs); role != "" {
		if err := saveUntilEOF(role, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:forbidigo // this is the other process's main
		}
		return
	}
	os.Exit(m.Run()) //nolint:forbidigo // as TestMain has to
}

// saveUntilEOF saves memories as fast as it can, as "serve" with the database open
// all the time, as "cli" opening it for each. It says "ready", and at the end of
// its input how many it has saved. A save that fails ends it.
func saveUntilEOF(role, path string) error {
	ended := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); close(ended) }()
	w, err := openWriter(path)
	if err != nil {
		return err
	}
	for saved := 0; ; saved++ {
		select {
		case <-ended:
			fmt.Fprintln(os.Stdout, saved)
			_, err := w.Exec("SELECT count(*) FROM sessions") //nolint:noctx // so that there is something to close
			return errors.Join(err, w.Close())
		default:
		}
		if err := saveAsEngram(w, saved); err != nil {
			return fmt.Errorf("save %d: %w", saved, err)
		}
		if saved == 0 {
			fmt.Fprintln(os.Stdout, "ready")
		}
		if role == "cli" {
			if err := w.Close(); err != nil {
				return err
			}
			if w, err = openWriter(path); err != nil {
				return err
			}
		}
	}
}

// saveAsEngram tries again as engram 1.16.1 does: a reader that comes upon a log in
// the middle of a commit holds the write lock for an instant, in which SQLite does
// not wait. Source: local-state.md 2.1.
func saveAsEngram(w *sql.DB, n int) error {
	err := save(w, n)
	for _, pause := range []time.Duration{10, 25, 50} {
		if err == nil || !strings.Contains(err.Error(), "database is locked") {
			return err
		}
		<-time.After(pause * time.Millisecond)
		err = save(w, n)
	}
	return err
}

// save reads first and then writes, in one deferred transaction, as engram does:
// there SQLite does not wait for locks. Memory and journal go together.
func save(w *sql.DB, n int) error {
	ctx := context.Background()
	tx, err := w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var twins int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM observations WHERE sync_id = ?", fmt.Sprint("obs-", n)).Scan(&twins); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, addMemory, strings.Repeat("text ", 200)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO sync_mutations (target_key, entity, entity_key, op, payload) VALUES ('cloud', 'observation', ?, 'upsert', '{}')", fmt.Sprint("obs-", n)); err != nil {
		return err
	}
	return tx.Commit()
}

func TestReadersDoAnotherProcessNoHarm(t *testing.T) {
	for _, role := range []string{"serve", "cli"} {
		t.Run(role, func(t *testing.T) {
			path := fixture(t, "1.16.1")
			other := start(t, role, path)
			db := open(t, path)
			until := time.Now().Add(time.Second)
			reads := 0
			for last := int64(25); time.Now().Before(until); reads++ {
				last = followJournal(t, db, last)
				memories, journal := counts(t, db)
				if memories-7 != journal-25 {
					t.Fatalf("%d memories and %d rows of the journal: half a transaction", memories-7, journal-25)
				}
				if _, err := db.Version(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			saved := other.end(t)
			if memories, _ := counts(t, db); memories != 7+saved || saved == 0 || reads == 0 {
				t.Errorf("%d saved during %d reads, %d memories", saved, reads, memories)
			}
			if left := names(t, filepath.Dir(path)); left != "engram.db\n" {
				t.Errorf("the other process could not clean up: %s", left)
			}
		})
	}
}

// followJournal reads on from last, and finds no gap.
func followJournal(t *testing.T, db *engramdb.DB, last int64) int64 {
	t.Helper()
	page, err := db.Journal(t.Context(), last, 50, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range page {
		if m.Seq != last+1 {
			t.Fatalf("seq %d after %d", m.Seq, last)
		}
		last = m.Seq
	}
	return last
}

// counts gives the memories, and the journal as the same Snapshot shows it.
func counts(t *testing.T, db *engramdb.DB) (memories, journal int) {
	t.Helper()
	var last int64
	err := db.Snapshot(t.Context(), func(s *engramdb.Snapshot) error {
		rows, err := rowsOf(t, s)
		if err != nil {
			return err
		}
		memories = len(rows.Observations)
		last, err = engramdb.LastSeq(t.Context(), s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return memories, int(last)
}

type process struct {
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

// start runs another process and waits until it has saved something.
func start(t *testing.T, role, path string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, path)
	cmd.Env = append(os.Environ(), actAs+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, in: in, out: bufio.NewReader(out)}
	if line, err := p.out.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the other process: %q, %v", line, err)
	}
	return p
}

// end ends it, and gives how many memories it saved; none may have failed.
func (p *process) end(t *testing.T) (saved int) {
	t.Helper()
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscan(p.out, &saved); err != nil {
		t.Errorf("no number: %v", err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the other process: %v", err)
	}
	return saved
}
