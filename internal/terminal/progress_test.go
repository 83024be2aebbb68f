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

// TestDocuments: a program reads a document a second, and one of the end, on a stream where all is JSON.
func TestDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		term := New(strings.NewReader(""), &bytes.Buffer{}, &stderr)
		term.JSON = true
		term.SetProgress("json")
		p := term.Progress("chunk")
		p.Begin("pulling", 4)
		p.Moved(1_000_000)
		p.Done()
		<-time.After(1500 * time.Millisecond)
		p.Moved(3_000_000)
		p.Done()
		p.Stop()
		report, stop := term.Counter("reading", "row")
		<-time.After(1500 * time.Millisecond)
		report(7)
		stop()
		want := `{"progress":{"verb":"pulling","noun":"chunk","done":1,"items":4,"open":false,"bytes":1000000,"bytes_per_second":1000000,"seconds_left":3}}
{"progress":{"verb":"pulling","noun":"chunk","done":2,"items":4,"open":false,"bytes":4000000,"bytes_per_second":2666666,"seconds_left":2}}
{"progress":{"verb":"reading","noun":"row","done":7,"items":0,"open":true,"bytes":0,"bytes_per_second":0,"seconds_left":0}}
`
		if diff := cmp.Diff(want, stderr.String()); diff != "" {
			t.Errorf("stderr (-want +got):\n%s", diff)
		}
	})
}

// TestProgressIsChosen: what the user says counts more than where it is shown, but for quiet.
func TestProgressIsChosen(t *testing.T) {
	for _, test := range []struct {
		how         string
		quiet, json bool
		want        string
	}{
		{"auto", false, false, "plain"}, // stderr is no terminal
		{"", false, false, "plain"},
		{"auto", false, true, "none"},
		{"bar", false, false, "bar"},
		{"bar", false, true, "none"}, // which would not be JSON
		{"plain", false, true, "none"},
		{"json", false, false, "json"},
		{"json", false, true, "json"},
		{"json", true, true, "none"},
		{"none", false, false, "none"},
	} {
		term := New(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})
		term.Quiet, term.JSON = test.quiet, test.json
		term.SetProgress(test.how)
		if got := term.shown(); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
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
