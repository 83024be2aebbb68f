package doctor

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
)

// Whatever hangs, a run ends in time: what was found until then is told, and the rest is
// skipped. What panics fails, and stops nothing else.
func TestAPartThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		ctx, cancel := context.WithTimeoutCause(t.Context(), budget, errSlow)
		defer cancel()
		began := time.Now()
		found := (&exam{}).examinePart(ctx, part{[]string{"first", "chunks"}, func(_ *exam, _ context.Context, f *findings) {
			f.ok("first", "well")
			<-release
		}})
		if took := time.Since(began); took != budget {
			t.Errorf("it took %s", took)
		}
		want := []finding{{Check: "first", Verdict: good, Message: "well"}, {Check: "chunks", Verdict: skipped, Message: errSlow.Error(), Hint: "run `engram-sync verify`"}}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("findings (-want +got):\n%s", diff)
		}
	})
	found := (&exam{}).examinePart(t.Context(), part{[]string{"one"}, func(*exam, context.Context, *findings) { panic("oh") }})
	if len(found) != 1 || found[0].Verdict != failed || found[0].Code != problem.Failed || !strings.Contains(found[0].Message, "oh") {
		t.Errorf("after a panic: %+v", found)
	}
}

// Every check stands in one part, so that each has its line whatever happens.
func TestEachCheckHasOnePlace(t *testing.T) {
	var all []string
	for _, p := range parts {
		all = append(all, p.checks...)
	}
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("one stands twice: %v", all)
	}
}

func TestTheWorstCode(t *testing.T) {
	for _, tc := range []struct {
		codes []int
		want  int
	}{
		{nil, 0}, {[]int{0, 0}, 0}, {[]int{5, 0}, 5}, {[]int{5, 4}, 4}, {[]int{4, 2, 5}, 2}, {[]int{2, 7}, 7}, {[]int{1, 5}, 1}, {[]int{1, 6}, 6}, {[]int{3, 0}, 3},
	} {
		var found []finding
		for _, code := range tc.codes {
			found = append(found, finding{Code: code})
		}
		if got := worst(found); got != tc.want {
			t.Errorf("%v: %d, want %d", tc.codes, got, tc.want)
		}
	}
}

func TestSpace(t *testing.T) {
	for free, want := range map[int64]finding{
		0:        {Check: "space", Verdict: failed, Message: "0 B are free for /d: no space left on device", Code: problem.Failed},
		50 << 20: {Check: "space", Verdict: warning, Message: "52 MB are free for /d"},
		1 << 40:  {Check: "space", Verdict: good, Message: "1.1 TB are free for /d"},
	} {
		f := &findings{}
		judgeSpace(f, "/d", free)
		got := f.have()[0]
		if (got.Hint == "") != (want.Verdict == good) {
			t.Errorf("the hint is %q", got.Hint)
		}
		got.Hint = ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d (-want +got):\n%s", free, diff)
		}
	}
}

// Nothing that a terminal would obey, and no line break, gets into a finding.
func TestStrangersWords(t *testing.T) {
	f := &findings{}
	f.warn("one", "", "%s", "a\x1b[31m\nb")
	f.fail("two", "", errors.New("c\x07\rd"))
	for _, n := range f.have() {
		if strings.ContainsAny(n.Message, "\x1b\n\r\x07") {
			t.Errorf("%q", n.Message)
		}
	}
}

func TestWhatMakesADirectoryWritable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has lists of rights")
	}
	dir := t.TempDir()
	for mode, want := range map[os.FileMode]string{0o500: "run `chmod u+rwx ", 0o755: "make it yours: `sudo chown -R "} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if got := mayWrite(dir); !strings.HasPrefix(got, want) || !strings.Contains(got, dir) {
			t.Errorf("mode %#o: %s", mode, got)
		}
	}
}
