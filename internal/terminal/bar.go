package terminal

import (
	"fmt"
	"time"

	"github.com/schollz/progressbar/v3"
)

// tally counts what moved so far.
type tally struct {
	verb, noun  string
	started     time.Time
	items, done int
	bytes       int64
	expected    int64 // of the items that have begun and told their size
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
	text := fmt.Sprintf("%s: %d of %s, %s, %s/s", t.verb, t.done, Count(t.items, t.noun), Size(t.bytes), Size(int64(rate)))
	if left := t.estimate() - t.bytes; left > 0 && rate > 0 {
		text += fmt.Sprintf(", %s left", time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
	}
	return text
}

// bar draws on a terminal. The terminal's lock guards it: lines of text and
// the bar share the screen.
type bar struct {
	term *Terminal
	bar  *progressbar.ProgressBar // nil until there is something to draw
	last time.Time
}

func (t *Terminal) startBar() *bar {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bar = &bar{term: t}
	return t.bar
}

// frame shows the tally, if it is time for another frame. The caller holds the
// terminal's lock.
func (b *bar) frame(t *tally) {
	now := time.Now()
	if now.Sub(b.last) < frameEvery {
		return
	}
	b.last = now
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(1,
			progressbar.OptionSetWriter(b.term.stderr),
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

// clear makes room for a line of text. The caller holds the terminal's lock.
func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear() // it only draws
	}
}

// stop takes the bar off the screen for good.
func (b *bar) stop() {
	b.term.mu.Lock()
	defer b.term.mu.Unlock()
	b.clear()
	b.term.bar = nil
}
