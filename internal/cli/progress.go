package cli

import "github.com/engram-sync/engram-sync/internal/syncer"

// verbs say what is being done.
var verbs = map[syncer.Direction]string{syncer.Pulled: "pulling", syncer.Pushed: "pushing", "": "verifying"}

// progress shows what the syncer tells of its work. stop must be called before
// the result is printed.
func (a *app) progress() (report func(syncer.Event), stop func()) { return a.progressOf("chunk") }

// progressOf is progress for things of another kind.
func (a *app) progressOf(noun string) (report func(syncer.Event), stop func()) {
	p := a.Progress(noun)
	if p == nil {
		return nil, func() {}
	}
	return func(e syncer.Event) {
		switch e.Kind {
		case syncer.EventPlan:
			p.Begin(verbs[e.Direction], e.Items)
		case syncer.EventSize:
			p.Expect(e.Bytes)
		case syncer.EventBytes:
			p.Moved(e.Bytes)
		case syncer.EventDone:
			p.Done()
		}
	}, p.Stop
}
