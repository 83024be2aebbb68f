package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/work"
)

// TestLines: where there is no terminal, a plain line comes every ten seconds.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		a := newApp(strings.NewReader(""), &bytes.Buffer{}, &stderr, nil)
		report, stop := a.progress()
		report(work.Event{Kind: work.EventPlan, Direction: work.Pulled, Items: 4})
		report(work.Event{Kind: work.EventBytes, Bytes: 1_000_000})
		report(work.Event{Kind: work.EventDone})
		<-time.After(25 * time.Second)
		stop()
		want := "pulling: 1 of 4 chunks, 1.0 MB, 100 kB/s, 30s left\n" +
			"pulling: 1 of 4 chunks, 1.0 MB, 50 kB/s, 1m0s left\n"
		if diff := cmp.Diff(want, stderr.String()); diff != "" {
			t.Errorf("stderr (-want +got):\n%s", diff)
		}
	})
}

// TestNoProgress: nobody reads along who asked for quiet or for JSON.
func TestNoProgress(t *testing.T) {
	for _, a := range []*app{{quiet: true}, {json: true}} {
		if report, stop := a.progress(); report != nil {
			t.Error("there is a reporter")
		} else {
			stop()
		}
	}
}
