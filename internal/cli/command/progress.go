package command

import (
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
)

// verbs say what is being done.
var verbs = map[work.Direction]string{work.Pulled: "pulling", work.Pushed: "pushing", "": "verifying"}

// Progress shows what the syncer tells of its work. stop must be called before
// the result is printed.
func Progress(term *terminal.Terminal) (report func(work.Event), stop func()) {
	return ProgressOf(term, "chunk")
}

// ProgressOf is progress for things of another kind.
func ProgressOf(term *terminal.Terminal, noun string) (report func(work.Event), stop func()) {
	p := term.Progress(noun)
	if p == nil {
		return nil, func() {}
	}
	return func(e work.Event) {
		switch e.Kind {
		case work.EventPlan:
			p.Begin(verbs[e.Direction], e.Items)
		case work.EventSize:
			p.Expect(e.Bytes)
		case work.EventBytes:
			p.Moved(e.Bytes)
		case work.EventDone:
			p.Done()
		}
	}, p.Stop
}
