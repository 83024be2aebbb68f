package journal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/state/cursorfile"
)

// journalDouble is an account server's journal. As on a real one, a row is
// numbered when it is inserted, occurred when its transaction began, and is
// visible from its commit on.
type journalDouble struct {
	now     time.Time
	clock   bool // it tells the time
	ordered bool
	user    string
	last    int64
	rows    []engram.PullMutationResult
	visible map[int64]bool

	asked  int
	sinces []int64
}

func newJournalDouble() *journalDouble {
	return &journalDouble{now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), clock: true, user: "u-1", visible: map[int64]bool{}}
}

// transaction is a writer that has begun and not committed.
type transaction struct {
	journal *journalDouble
	began   time.Time
	seqs    []int64
}

func (j *journalDouble) begin() *transaction { return &transaction{journal: j, began: j.now} }

func (t *transaction) insert(n int) {
	j := t.journal
	for range n {
		j.last++
		j.rows = append(j.rows, engram.PullMutationResult{
			Seq: j.last, UserID: j.user, Entity: "observation", EntityKey: fmt.Sprintf("obs-%d", j.last), Op: "upsert",
			Payload: json.RawMessage(fmt.Sprintf(`{"title":"row %d"}`, j.last)), OccurredAt: t.began.Format(time.RFC3339Nano),
		})
		t.seqs = append(t.seqs, j.last)
	}
}

func (t *transaction) commit() {
	for _, seq := range t.seqs {
		t.journal.visible[seq] = true
	}
}

// write is a whole transaction.
func (j *journalDouble) write(n int) {
	t := j.begin()
	t.insert(n)
	t.commit()
}

// hide is a pause, show its end.
func (j *journalDouble) hide(seqs ...int64) {
	for _, seq := range seqs {
		delete(j.visible, seq)
	}
}

func (j *journalDouble) show(seqs ...int64) {
	for _, seq := range seqs {
		j.visible[seq] = true
	}
}

// restore makes the journal what it was when its last row was this.
func (j *journalDouble) restore(last int64) {
	j.rows = slices.DeleteFunc(j.rows, func(r engram.PullMutationResult) bool { return r.Seq > last })
	j.last = last
}

func (j *journalDouble) PullMutations(_ context.Context, since int64, limit int) (engram.PullMutationsResponse, error) {
	j.asked++
	j.sinces = append(j.sinces, since)
	page := engram.PullMutationsResponse{CommitOrdered: j.ordered}
	if j.clock {
		page.Now = j.now.Unix()
	}
	from, _ := slices.BinarySearchFunc(j.rows, since+1, func(r engram.PullMutationResult, seq int64) int { return int(r.Seq - seq) })
	for _, row := range j.rows[from:] {
		if !j.visible[row.Seq] {
			continue
		}
		if len(page.Mutations) == limit {
			page.HasMore = true
			break
		}
		page.Mutations = append(page.Mutations, row)
	}
	if j.ordered {
		for _, row := range j.rows {
			if j.visible[row.Seq] {
				page.Head = row.Seq
			}
		}
	}
	return page, nil
}

// reader pulls a journal into a file, run after run.
type reader struct {
	t      *testing.T
	state  string
	cursor string
	file   string
	ctx    context.Context // nil: the test's
	wrap   func(journal.CursorStore, journal.Lines) (journal.CursorStore, journal.Lines)
}

func newReader(t *testing.T) *reader {
	return &reader{t: t, state: t.TempDir(), cursor: "default", file: filepath.Join(t.TempDir(), "out.jsonl")}
}

// errCrash ends a process: nobody tidies up behind it.
var errCrash = errors.New("crash")

func (r *reader) pull(remote journal.Reader, opts journal.PullOptions) (journal.PullResult, error) {
	r.t.Helper()
	kept, err := state.OpenAccount(state.In(r.state), "https://engram.example.com", "user u-1")
	if err != nil {
		r.t.Fatal(err)
	}
	cursor, err := cursorfile.Open(kept, r.cursor, "")
	if err != nil {
		return journal.PullResult{}, err
	}
	out, err := cursor.OpenOutput(r.file)
	if err != nil {
		return journal.PullResult{}, errors.Join(err, cursor.Close())
	}
	place, lines := journal.CursorStore(cursor), journal.Lines(out)
	if r.wrap != nil {
		place, lines = r.wrap(place, lines)
	}
	ctx := r.ctx
	if ctx == nil {
		ctx = r.t.Context()
	}
	res, err := journal.Pull(ctx, remote, place, lines, opts)
	if errors.Is(err, errCrash) {
		return res, errors.Join(err, cursor.Abandon())
	}
	return res, errors.Join(err, out.Close(), cursor.Close())
}

// mustPull is pull for runs that have to work.
func (r *reader) mustPull(remote journal.Reader, opts journal.PullOptions) journal.PullResult {
	r.t.Helper()
	res, err := r.pull(remote, opts)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// got are the rows in the file, in its order.
func (r *reader) got() []int64 {
	r.t.Helper()
	file, err := os.Open(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var seqs []int64
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var row engram.PullMutationResult
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			r.t.Fatalf("%v: %s", err, lines.Text())
		}
		seqs = append(seqs, row.Seq)
	}
	return seqs
}

// wantOnce wants each row of the journal in the file, and none twice.
func (r *reader) wantOnce(j *journalDouble) {
	r.t.Helper()
	got := r.got()
	slices.Sort(got)
	want := make([]int64, 0, len(j.rows))
	for _, row := range j.rows {
		want = append(want, row.Seq)
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("the file has %d rows, the journal %d: missing %v, too many %v", len(got), len(want), without(want, got), without(got, want))
	}
}

// without is what sorted a has and b has not, also what it has more often.
func without(a, b []int64) []int64 {
	var rest []int64
	for _, seq := range a {
		if len(b) > 0 && b[0] == seq {
			b = b[1:]
			continue
		}
		rest = append(rest, seq)
	}
	return rest
}

func upTo(n int64) []int64 { return fromTo(1, n) }

func fromTo(from, to int64) []int64 {
	var seqs []int64
	for seq := from; seq <= to; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}
