package terminal

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLines: where there is no terminal, a plain line comes every ten seconds.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		p := New(strings.NewReader(""), &bytes.Buffer{}, &stderr).Progress("chunk")
		p.Begin("pulling", 4)
		p.Moved(1_000_000)
		p.Done()
		<-time.After(25 * time.Second)
		p.Stop()
		want := "pulling: 1 of 4 chunks, 1.0 MB, 100 kB/s, 30s left\n" +
			"pulling: 1 of 4 chunks, 1.0 MB, 50 kB/s, 1m0s left\n"
		if diff := cmp.Diff(want, stderr.String()); diff != "" {
			t.Errorf("stderr (-want +got):\n%s", diff)
		}
	})
}

// TestLinesOfNobodyKnowsHowMany: what is left is not told, nor how many there are in all.
func TestLinesOfNobodyKnowsHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		p := New(strings.NewReader(""), &bytes.Buffer{}, &stderr).Progress("chunk")
		p.Begin("pushing", 0)
		p.More(3)
		p.More(1)
		p.Moved(1_000_000)
		p.Done()
		<-time.After(15 * time.Second)
		p.Begin("pushing", 2)
		<-time.After(10 * time.Second)
		p.Stop()
		want := "pushing: 1 of 4 chunks so far, 1.0 MB, 100 kB/s\n" +
			"pushing: 0 of 2 chunks, 0 B, 0 B/s\n"
		if diff := cmp.Diff(want, stderr.String()); diff != "" {
			t.Errorf("stderr (-want +got):\n%s", diff)
		}
	})
}

// TestNoProgress: nobody reads along who asked for quiet or for JSON.
func TestNoProgress(t *testing.T) {
	for _, term := range []*Terminal{{Quiet: true}, {JSON: true}} {
		p := term.Progress("chunk")
		if p != nil {
			t.Error("there is a reporter")
		}
		p.Stop()
	}
}
