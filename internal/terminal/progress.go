package terminal

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/engram-sync/engram-sync/internal/panics"
)

const (
	frameEvery = 100 * time.Millisecond // on a terminal
	lineEvery  = 10 * time.Second       // elsewhere

	documentEvery = time.Second // for programs
)

// Progress shows how work on many items goes: a bar on a terminal, a line now
// and then elsewhere. Several goroutines may tell it what happens. Nobody reads
// a nil one.
type Progress struct {
	term  *Terminal
	tally tally       // guarded by the terminal's lock
	bar   *bar        // nil where none is shown
	told  func(tally) // says how far it is, every so often; nil where a bar shows it
	every time.Duration
	atEnd bool // told says it once more at the end
	done  chan struct{}
	group sync.WaitGroup
}

// SetProgress chooses how progress is shown: as a "bar", as "plain" lines, as "json" lines, which are shown in JSON mode too, not
// at all ("none"), or as "auto", which is a bar on a terminal, lines elsewhere, and none in JSON mode. Quiet is none.
func (t *Terminal) SetProgress(how string) { t.progress = how }

// shown is what SetProgress comes to here.
func (t *Terminal) shown() string {
	switch {
	case t.Quiet:
		return "none"
	case t.progress == "json":
		return "json"
	case t.JSON:
		return "none"
	case t.progress != "" && t.progress != "auto":
		return t.progress
	case isTerminal(t.stderr.raw):
		return "bar"
	}
	return "plain"
}

// Progress begins to show progress, or gives nil where nobody wants it. It must
// be stopped before the result is printed.
func (t *Terminal) Progress(noun string) *Progress {
	p := &Progress{term: t, tally: tally{noun: noun}, done: make(chan struct{})}
	switch t.shown() {
	case "bar":
		p.bar = t.startBar()
	case "plain":
		p.every, p.told = lineEvery, func(sofar tally) { t.Note("%s", sofar.line(time.Now())) }
	case "json":
		p.every, p.told = documentEvery, func(sofar tally) { PrintJSON(t.Stderr(), sofar.document(time.Now())) }
		p.atEnd = true
	default:
		return nil
	}
	if p.told != nil {
		p.group.Go(p.lines)
	}
	return p
}

// Begin is the start of work on this many items.
func (p *Progress) Begin(verb string, items int) {
	p.add(func(t *tally) { *t = tally{verb: verb, noun: t.noun, started: time.Now(), items: items} })
}

// More adds items to those of Begin, of which nobody knows yet how many there will be.
func (p *Progress) More(items int) {
	p.add(func(t *tally) { t.items, t.open = t.items+items, true })
}

// Expect tells the size of an item that has begun.
func (p *Progress) Expect(bytes int64) { p.add(func(t *tally) { t.expected += bytes }) }

// Moved counts bytes.
func (p *Progress) Moved(bytes int64) { p.add(func(t *tally) { t.bytes += bytes }) }

// Done counts an item that is over.
func (p *Progress) Done() { p.add(func(t *tally) { t.done++ }) }

func (p *Progress) add(change func(*tally)) {
	p.term.mu.Lock()
	defer p.term.mu.Unlock()
	change(&p.tally)
	if p.bar != nil {
		p.bar.frame(&p.tally)
	}
}

// lines tells of the tally again and again.
func (p *Progress) lines() {
	defer panics.Guard()
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
			p.tell()
		}
	}
}

// tell tells of the tally, once there is one.
func (p *Progress) tell() {
	p.term.mu.Lock()
	sofar := p.tally
	p.term.mu.Unlock()
	if !sofar.started.IsZero() && (sofar.items > 0 || sofar.open) {
		p.told(sofar)
	}
}

// Stop ends it; what is on the screen goes.
func (p *Progress) Stop() {
	if p == nil {
		return
	}
	close(p.done)
	p.group.Wait()
	if p.atEnd {
		p.tell()
	}
	if p.bar != nil {
		p.bar.stop()
	}
}

// Counter shows how many things have come, of nobody knows how many: on a
// terminal as a moving line, elsewhere every ten seconds.
func (t *Terminal) Counter(verb, noun string) (report func(n int), stop func()) {
	switch t.shown() {
	case "none":
		return nil, func() {}
	case "plain":
		return nowAndThen(lineEvery, func(n int) { t.Note("%s: %s so far", verb, Count(n, noun)) }), func() {}
	case "json":
		return nowAndThen(documentEvery, func(n int) {
			PrintJSON(t.Stderr(), map[string]any{"progress": shownTally{Verb: verb, Noun: noun, Done: n, Open: true}})
		}), func() {}
	}
	b := t.startBar()
	b.bar = progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(t.stderr.raw),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(frameEvery),
		progressbar.OptionUseANSICodes(false),
		progressbar.OptionSetDescription(verb+" "+noun+"s"),
		progressbar.OptionShowCount(),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetSpinnerChangeInterval(0), // else it would draw by itself, around the terminal's lock
	)
	return func(n int) {
		t.mu.Lock()
		defer t.mu.Unlock()
		_ = b.bar.Set(n) // it only draws
	}, b.stop
}

// nowAndThen tells of a number that grows, with that much time between.
func nowAndThen(every time.Duration, tell func(n int)) func(n int) {
	next := time.Now().Add(every)
	return func(n int) {
		if now := time.Now(); now.After(next) {
			next = now.Add(every)
			tell(n)
		}
	}
}

// tally counts what moved so far.
type tally struct {
	verb, noun  string
	started     time.Time
	items, done int
	open        bool // there may be more items
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

// pace is bytes a second so far, and how long the rest takes at that; 0 is unknown.
func (t *tally) pace(now time.Time) (rate float64, left time.Duration) {
	rate = float64(t.bytes) / max(now.Sub(t.started).Seconds(), 0.001)
	if rest := t.estimate() - t.bytes; rest > 0 && rate > 0 && !t.open {
		left = time.Duration(float64(rest) / rate * float64(time.Second)).Round(time.Second)
	}
	return rate, left
}

// line is the tally as text.
func (t *tally) line(now time.Time) string {
	rate, left := t.pace(now)
	items := Count(t.items, t.noun)
	if t.open {
		items += " so far"
	}
	text := fmt.Sprintf("%s: %d of %s, %s, %s/s", t.verb, t.done, items, Size(t.bytes), Size(int64(rate)))
	if left > 0 {
		text += fmt.Sprintf(", %s left", left)
	}
	return text
}

// shownTally is the tally as a program reads it.
type shownTally struct {
	Verb  string `json:"verb"`
	Noun  string `json:"noun"`
	Done  int    `json:"done"`
	Items int    `json:"items"`
	Open  bool   `json:"open"` // there may be more items
	Bytes int64  `json:"bytes"`
	Rate  int64  `json:"bytes_per_second"`
	Left  int    `json:"seconds_left"` // 0 is unknown
}

func (t *tally) document(now time.Time) map[string]shownTally {
	rate, left := t.pace(now)
	return map[string]shownTally{"progress": {t.verb, t.noun, t.done, t.items, t.open, t.bytes, int64(rate), int(left.Seconds())}}
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
		roomy := !isNarrow(b.term.stderr.raw)
		b.bar = progressbar.NewOptions64(1,
			progressbar.OptionSetWriter(b.term.stderr.raw),
			progressbar.OptionShowBytes(roomy),
			progressbar.OptionShowTotalBytes(roomy),
			progressbar.OptionSetPredictTime(roomy),
			progressbar.OptionSetElapsedTime(roomy),
			progressbar.OptionSetWidth(24),
			progressbar.OptionClearOnFinish(),
			// Each of the calls below draws; one of them is enough for a frame.
			progressbar.OptionThrottle(frameEvery/2),
			progressbar.OptionUseANSICodes(false),
		)
	}
	more := ""
	if t.open {
		more = "+"
	}
	b.bar.Describe(fmt.Sprintf("%s %d/%d%s", t.verb, t.done, t.items, more))
	b.bar.ChangeMax64(max(t.estimate(), t.bytes+1)) // a bar at its end would finish itself
	_ = b.bar.Set64(t.bytes)                        // it only draws
}

// isNarrow says that rate and times do not fit on a line beside the bar: each frame of a
// line that wraps would stay on the screen.
func isNarrow(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	return err == nil && columns > 0 && columns < 64
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
