package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/rowsum"
)

// rowsOf is a source in memory: the rows are the lines 1, 2, ...
type rowsOf []engram.MutationEntry

func (rowsOf) ID() string { return "rows" }

func (r rowsOf) Rows(_ context.Context, after int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		for i := after; i < int64(len(r)); i++ {
			row := journal.Row{Position: i + 1, Hash: rowsum.Of(r[i]), Entry: r[i]}
			if row.Entry.Entity == "bad" {
				row.Err = errors.New("a bad row")
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// changes makes n mutations that are all different.
func changes(n int) rowsOf {
	rows := make(rowsOf, n)
	for i := range rows {
		rows[i] = mutation("observation", fmt.Sprintf("obs-%d", i+1), fmt.Sprintf(`{"n":%d}`, i+1))
	}
	return rows
}

func mutation(entity, key, payload string) engram.MutationEntry {
	return engram.MutationEntry{Entity: entity, EntityKey: key, Op: "upsert", Payload: json.RawMessage(payload)}
}

// fault is what goes wrong with one push.
type fault int

const (
	fine        fault = iota
	lostBefore        // no answer, and nothing was stored
	lostAfter         // no answer, and all was stored
	late              // no answer, and all is stored 20 seconds later
	doneBefore        // an answer that leaves it open, and nothing was stored
	doneAfter         // an answer that leaves it open, and all was stored
	deniedAfter       // all was stored, and somebody on the way refuses the answer
	proxyBefore       // a proxy could not pass it on
	proxyLate         // a proxy lost its connection, and all is stored a second later
)

// denied is a refusal that is not the server's.
type denied struct{}

func (denied) Error() string  { return "400 blocked" }
func (denied) Stranger() bool { return true }

var errDead = errors.New("the process is dead")

// world is a server with a journal, and a disk, as a process sees both. It may
// be killed: from then on nothing that the process does has an effect.
type world struct {
	t *testing.T

	blind error // of every look at the journal after a push

	mu       sync.Mutex
	journal  []engram.PullMutationResult
	seq      int64
	ordered  bool             // as our own server: it tells the head, and stores a key once
	keys     map[string]int64 // of an ordered server
	others   bool             // somebody else writes before each push, with the same time
	faults   map[int]fault    // by number of push, from 1
	refuse   func(engram.MutationEntry) error
	lists    func(bad []int) map[int]string // what it says which rows it refuses, as 2.x does; nil says nothing
	limit    int                            // rows of one push; 0 is none
	most     int                            // rows of one page; 0 is as many as are asked for
	pushes   int
	pulls    int
	disk     []byte
	rejected []int64

	steps, killAt int // killAt 0: never
}

func newWorld(t *testing.T) *world {
	return &world{t: t, keys: map[string]int64{}, faults: map[int]fault{}}
}

// step says whether the process still lives; it may die here.
func (w *world) step() bool {
	w.steps++
	return w.killAt == 0 || w.steps < w.killAt
}

func (w *world) Write(job any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.step() {
		return errDead
	}
	text, err := json.Marshal(job)
	if err != nil {
		w.t.Error(err)
	}
	w.disk = text
	if !w.step() {
		return errDead
	}
	return nil
}

func (w *world) Add(row journal.Row, _ error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.step() {
		return errDead
	}
	if !slices.Contains(w.rejected, row.Position) {
		w.rejected = append(w.rejected, row.Position)
	}
	return nil
}

func (w *world) PushMutations(ctx context.Context, entries []engram.MutationEntry, key string) (engram.PushMutationsResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	none := engram.PushMutationsResult{}
	if ctx.Err() != nil {
		return none, context.Cause(ctx)
	}
	if !w.step() {
		return none, errDead
	}
	w.pushes++
	met := w.faults[w.pushes]
	if w.limit > 0 && len(entries) > w.limit {
		return none, &engram.BatchTooLargeError{Rows: len(entries)}
	}
	var refusal error
	var bad []int
	for i, e := range entries {
		if w.refuse == nil {
			break
		}
		if err := w.refuse(e); err != nil {
			refusal, bad = err, append(bad, i)
		}
	}
	if refusal != nil && w.lists != nil {
		refusal = &engram.ContentError{Err: refusal, Invalid: w.lists(bad)}
	}
	if refusal != nil {
		return none, refusal
	}
	lost := &engram.UncertainError{Err: errors.New("no answer")}
	switch met {
	case lostBefore:
		return none, lost
	case doneBefore:
		lost.Done = true
		return none, lost
	case proxyBefore:
		lost.Brief = true
		return none, lost
	case late, proxyLate:
		lost.Brief = met == proxyLate
		after := map[fault]time.Duration{late: 20 * time.Second, proxyLate: time.Second}[met]
		time.AfterFunc(after, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.store(entries, key)
		})
		return none, lost
	}
	seq := w.store(entries, key)
	if !w.step() || met == lostAfter {
		return none, lost
	}
	if met == deniedAfter {
		return none, denied{}
	}
	if met == doneAfter {
		lost.Done = true
		return none, lost
	}
	return engram.PushMutationsResult{Accepted: len(entries), LastSeq: seq}, nil
}

// store appends a batch. The caller holds the lock.
func (w *world) store(entries []engram.MutationEntry, key string) int64 {
	if seq, known := w.keys[key]; known && w.ordered {
		return seq
	}
	at := fmt.Sprintf("2026-11-22T08:43:%02dZ", w.pushes%60)
	for i, e := range entries {
		if w.others && i == 0 {
			w.append(mutation("session", "other", fmt.Sprintf(`{"other":%d}`, w.seq)), at)
		}
		w.append(e, at)
	}
	w.keys[key] = w.seq
	return w.seq
}

func (w *world) append(e engram.MutationEntry, at string) {
	w.seq += 3 // numbers have gaps
	w.journal = append(w.journal, engram.PullMutationResult{
		Seq: w.seq, UserID: "u", Entity: e.Entity, EntityKey: e.EntityKey, Op: e.Op, Payload: e.Payload, OccurredAt: at,
	})
}

func (w *world) PullMutations(ctx context.Context, since int64, limit int) (engram.PullMutationsResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil {
		return engram.PullMutationsResponse{}, context.Cause(ctx)
	}
	if w.killAt > 0 && w.steps >= w.killAt {
		return engram.PullMutationsResponse{}, errDead
	}
	if w.blind != nil && w.pushes > 0 {
		return engram.PullMutationsResponse{}, w.blind
	}
	w.pulls++
	page := engram.PullMutationsResponse{CommitOrdered: w.ordered}
	for _, row := range w.journal {
		switch {
		case row.Seq <= since:
		case len(page.Mutations) == limit || w.most > 0 && len(page.Mutations) == w.most:
			page.HasMore = true
		default:
			page.Mutations = append(page.Mutations, row)
		}
	}
	if w.ordered {
		page.Head = w.seq
	}
	return page, nil
}

// quiet is a run that nobody hears of.
var quiet = journal.PushOptions{Retries: 2, Refused: func(error) bool { return false }, Notify: func(time.Duration, string) {}}

// push is one run of the process, with what is on the disk.
func (w *world) push(ctx context.Context, source journal.Source, opts ...func(*journal.PushOptions)) journal.PushResult {
	w.t.Helper()
	options := quiet
	for _, opt := range opts {
		opt(&options)
	}
	return journal.Push(ctx, w, source, w.job(source), w, options)
}

// job is what is on the disk.
func (w *world) job(source journal.Source) *journal.Job {
	w.t.Helper()
	job := &journal.Job{Store: w, Schema: 1, Source: source.ID()}
	if w.disk != nil {
		if err := json.Unmarshal(w.disk, job); err != nil {
			w.t.Fatal(err)
		}
	}
	return job
}

// ours are the keys of the journal's rows, without those of others.
func (w *world) ours() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := []string{}
	for _, row := range w.journal {
		if row.EntityKey != "other" {
			keys = append(keys, row.EntityKey)
		}
	}
	return keys
}

// wantRows checks that the journal holds these rows of ours, in order, and no other.
func (w *world) wantRows(rows rowsOf, without ...string) {
	w.t.Helper()
	want := []string{}
	for _, e := range rows {
		if !slices.Contains(without, e.EntityKey) {
			want = append(want, e.EntityKey)
		}
	}
	if diff := cmp.Diff(want, w.ours()); diff != "" {
		w.t.Errorf("the journal (-want +got), on the disk is %s:\n%s", w.disk, firstLines(diff))
	}
}

func firstLines(text string) string {
	lines := strings.SplitN(text, "\n", 20)
	return strings.Join(lines[:min(len(lines), 19)], "\n")
}
