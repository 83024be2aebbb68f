package journal_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// What a proxy could not pass on is looked for briefly, and sent again; what was stored
// all the same is seen.
func TestABatchThatAProxyCouldNotPassOn(t *testing.T) {
	for name, f := range map[string]fault{"not stored": proxyBefore, "stored a second later": proxyLate} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.faults[2] = f
			rows := changes(250)
			start := time.Now()
			if r := w.push(t.Context(), rows); r.Err != nil || r.Sent != 250 {
				t.Errorf("%s: %+v", name, r)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: it took %s", name, took)
			}
			w.wantRows(rows)
		})
	}
}

// Whatever the number of retries, a server that fails every batch is given up after the
// time in which one is looked for.
func TestAServerThatFailsEveryBatch(t *testing.T) {
	for _, f := range []fault{proxyBefore, doneBefore} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			for i := range 200 {
				w.faults[i] = f
			}
			start := time.Now()
			r := w.push(t.Context(), changes(250), func(o *journal.PushOptions) { o.Retries = 100 })
			var unstored *journal.UnstoredError
			if took := time.Since(start); !errors.As(r.Err, &unstored) || took > 35*time.Second {
				t.Errorf("%+v after %s", r, took)
			}
		})
	}
}

// A journal that could not be read shows nothing.
func TestAJournalThatCannotBeReadShowsNothing(t *testing.T) {
	for _, interrupt := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.faults[1], w.blind = lostBefore, errors.New("503 database unavailable")
			ctx, cancel := context.WithCancelCause(t.Context())
			if interrupt {
				w.refuse = func(engram.MutationEntry) error { cancel(errors.New("interrupted")); return nil }
			}
			r := w.push(ctx, changes(5))
			cancel(nil)
			if !errors.Is(r.Err, engram.ErrOutcomeUnknown) || strings.Contains(r.Err.Error(), "the journal") || !strings.Contains(r.Err.Error(), "failed (503 database unavailable)") {
				t.Errorf("interrupted %t: %v", interrupt, r.Err)
			}
		})
	}
}
