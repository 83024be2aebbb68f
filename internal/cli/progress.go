package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"

	"github.com/engram-sync/engram-sync/internal/work"
)

const (
	frameEvery = 100 * time.Millisecond // on a terminal
	lineEvery  = 10 * time.Second       // elsewhere
)

// progress shows how a transfer goes: a bar on a terminal, a line now and then
// elsewhere, nothing where nobody reads it. report takes the syncer's events;
// stop must be called before the result is printed.
func (a *app) progress() (report func(work.Event), stop func()) { return a.progressOf("chunk") }

// progressOf is progress for things of another kind.
func (a *app) progressOf(noun string) (report func(work.Event), stop func()) {
	if a.quiet || a.json {
		return nil, func() {}
	}
	if terminal(a.stderr) {
		b := a.startBar()
		b.tally.noun = noun
		return b.report, b.stop
	}
	l := &lines{app: a, done: make(chan struct{}), tally: tally{noun: noun}}
	l.group.Go(l.print)
	return l.report, l.stop
}

// lines prints a tally every ten seconds.
type lines struct {
	app   *app
	done  chan struct{}
	group sync.WaitGroup

	mu    sync.Mutex
	tally tally
}

func (l *lines) report(e work.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.add(e)
}

func (l *lines) print() {
	ticker := time.NewTicker(lineEvery)
	defer ticker.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-ticker.C:
			l.mu.Lock()
			text := l.tally.line(time.Now())
			l.mu.Unlock()
			l.app.note("%s", text)
		}
	}
}

func (l *lines) stop() {
	close(l.done)
	l.group.Wait()
}

// tally counts what moved so far.
type tally struct {
	verb, noun  string
	started     time.Time
	items, done int
	bytes       int64
	expected    int64 // of the items that have begun and told their size
}

// verbs say what is being done.
var verbs = map[work.Direction]string{work.Pulled: "pulling", work.Pushed: "pushing", "": "verifying"}

func (t *tally) add(e work.Event) {
	switch e.Kind {
	case work.EventPlan:
		*t = tally{verb: verbs[e.Direction], noun: t.noun, started: time.Now(), items: e.Items}
	case work.EventSize:
		t.expected += e.Bytes
	case work.EventBytes:
		t.bytes += e.Bytes
	case work.EventDone:
		t.done++
	}
}

// estimate is how many bytes there will be in all, going by those that are known.
func (t *tally) estimate() int64 {
	if t.done == 0 {
		return max(t.expected, t.bytes)
	}
	return t.bytes + t.bytes/int64(t.done)*int64(t.items-t.done)
}

// line is the tally as text.
func (t *tally) line(now time.Time) string {
	seconds := max(now.Sub(t.started).Seconds(), 0.001)
	rate := float64(t.bytes) / seconds
	text := fmt.Sprintf("%s: %d of %s, %s, %s/s", t.verb, t.done, count(t.items, t.noun), size(t.bytes), size(int64(rate)))
	if left := t.estimate() - t.bytes; left > 0 && rate > 0 {
		text += fmt.Sprintf(", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	return text
}

// bar draws a tally on a terminal. The app's lock guards it: lines of text and
// the bar share the screen.
type bar struct {
	app   *app
	tally tally
	bar   *progressbar.ProgressBar // nil until there is something to draw
	last  time.Time
}

func (a *app) startBar() *bar {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bar = &bar{app: a}
	return a.bar
}

func (b *bar) report(e work.Event) {
	b.app.mu.Lock()
	defer b.app.mu.Unlock()
	b.tally.add(e)
	if now := time.Now(); now.Sub(b.last) >= frameEvery {
		b.last = now
		b.draw()
	}
}

// draw shows the tally. The caller holds the app's lock.
func (b *bar) draw() {
	t := &b.tally
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(1,
			progressbar.OptionSetWriter(b.app.stderr),
			progressbar.OptionShowBytes(true),
			progressbar.OptionShowTotalBytes(true),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetWidth(24),
			progressbar.OptionClearOnFinish(),
			// Each of the calls below draws; one of them is enough for a frame.
			progressbar.OptionThrottle(frameEvery/2),
			progressbar.OptionUseANSICodes(false),
		)
	}
	b.bar.Describe(fmt.Sprintf("%s %d/%d", t.verb, t.done, t.items))
	b.bar.ChangeMax64(max(t.estimate(), t.bytes+1)) // a bar at its end would finish itself
	_ = b.bar.Set64(t.bytes)                        // it only draws
}

// clear makes room for a line of text. The caller holds the app's lock.
func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear() // it only draws
	}
}

// stop takes the bar off the screen for good.
func (b *bar) stop() {
	b.app.mu.Lock()
	defer b.app.mu.Unlock()
	b.clear()
	b.app.bar = nil
}

func size(n int64) string { return humanize.Bytes(uint64(max(0, n))) }

// count is a number with its noun.
func count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "memory"):
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return fmt.Sprintf("%s %ss", humanize.Comma(int64(n)), noun)
}
