package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/project"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// Facts are what is known of a server, from its own answers or from those of an
// earlier run, which later ones overrule: servers are upgraded, and rolled back.
type Facts struct {
	Kind Kind
	// Generation is that of a project server; 0 while it is unknown, and for
	// account servers, which keep what they are given.
	Generation engram.Generation
	// OrLater says that the server may be of a later generation as well; where it may
	// not, somebody has Asked, in Unix seconds.
	OrLater bool
	Asked   int64
	// Gzip says whether a project server takes compressed chunks.
	Gzip project.Gzip
	// Limit is that of a push to a project server, in bytes, as its refusal named it at
	// LimitAt, in Unix seconds.
	Limit   int64
	LimitAt int64
}

// askAgain is how long the answer to a question is believed that nothing else answers.
const askAgain = 24 * time.Hour

// isOld says whether what was found out then, in Unix seconds, is to be asked again, or
// comes from a clock that was wrong.
func isOld(then int64, now time.Time) bool {
	age := now.Sub(time.Unix(then, 0))
	return age > askAgain || age < -askAgain
}

// remembered are the facts of an earlier run as far as they are believed.
func (f Facts) remembered(now time.Time) Facts {
	if f.Generation >= engram.Gen2 && isOld(f.Asked, now) {
		f.Generation, f.OrLater, f.Asked = engram.Gen2, true, 0
	}
	return f
}

// Facts are what is known of the server so far.
func (t *RemoteTransport) Facts() Facts {
	t.factsMu.Lock()
	defer t.factsMu.Unlock()
	return t.facts
}

// update changes what is known, and tells who wants to know: one after the other, and
// what is known by then, so that the last that is told is the last that was found out.
func (t *RemoteTransport) update(change func(*Facts)) {
	t.factsMu.Lock()
	before := t.facts
	change(&t.facts)
	changed := t.facts != before
	t.factsMu.Unlock()
	if changed {
		t.telling.Lock()
		defer t.telling.Unlock()
		t.opts.OnFacts(t.Facts())
	}
}

// learn remembers what the server speaks. A kind that the user insists on stays, and
// another is an ErrOtherKind.
func (t *RemoteTransport) learn(d dialect) error {
	if t.opts.Forced && d != t.dialectOf(t.opts.Known.Kind) {
		return fmt.Errorf("%w: %s speaks the %s protocol, and the protocol is set to %s", ErrOtherKind, t.URL(), kindOf(d), t.opts.Known.Kind)
	}
	t.update(func(f *Facts) {
		if kind := kindOf(d); f.Kind != kind {
			*f = Facts{Kind: kind}
		}
		t.sure = d != nil
	})
	return nil
}

// forget takes back what a cache said of the server: an answer had the shape of
// the other kind. A kind that the user insists on stays.
func (t *RemoteTransport) forget() {
	if !t.opts.Forced {
		_ = t.learn(nil) // that is always allowed where nothing is forced
	}
}

// learnVersion learns from the version of a project server's manifest: 2 is written
// by 2.0-rc.9 and all after it, for whatever is in the store. Source: engram-2.md 4.1, 10.
func (t *RemoteTransport) learnVersion(version int) {
	t.update(func(f *Facts) {
		before := f.Generation
		switch {
		case version < 2:
			f.Generation, f.OrLater, f.Asked = engram.Gen1, false, 0
		case before < engram.Gen2:
			f.Generation, f.OrLater = engram.Gen2, true
		}
		if before != 0 && f.Generation != before {
			f.Gzip, f.Limit, f.LimitAt = project.GzipUnknown, 0, 0 // it was upgraded, or rolled back
		}
	})
}

// FindGeneration finds out the generation of a project server, as far as it can be
// told: by the manifest, and for 3.x by a route that 2.x lacks, asked once in a
// process, without a token and without a word in it, so that it changes nothing. What
// gives neither answer leaves it at 2.x or later, which is no error. Source: engram-2.md 4.1.
func (t *RemoteTransport) FindGeneration(ctx context.Context) error {
	if t.listed.Load() == nil {
		if _, err := t.ReadManifest(ctx); err != nil {
			return err
		}
	}
	t.askGeneration.Lock()
	defer t.askGeneration.Unlock()
	if t.asked || t.Facts().Generation < engram.Gen2 {
		return nil
	}
	found, exact, answered := t.askAuthorities(ctx)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", opGeneration, context.Cause(ctx))
	case answered:
		t.asked = true
		t.update(func(f *Facts) { f.Generation, f.OrLater, f.Asked = found, !exact, time.Now().Unix() })
	}
	return nil
}

const opGeneration = "ask for the server's generation"

// askAuthorities asks for the route that 3.x has and 2.x lacks. Without an answer, or
// with one that may be another later, nothing was found out, and nothing is lost by it:
// nobody waits for that.
func (t *RemoteTransport) askAuthorities(ctx context.Context) (found engram.Generation, exact, answered bool) {
	call := &httplayer.Call{Op: opGeneration, Anonymous: true, NoWait: true, NoRetryOnStall: true}
	resp, _, err := t.client.Post(ctx, call, httplayer.Message{Path: "/sync/session-authorities"})
	if err != nil {
		return 0, false, false
	}
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	switch status := call.Refused(resp); {
	case errors.Is(status, ErrUnavailable):
		return 0, false, false
	case status.Status == http.StatusUnauthorized && strings.HasPrefix(status.Message, unauthorizedWords),
		status.Status == http.StatusBadRequest && (status.Final || !status.Stranger()):
		return engram.Gen3, true, true
	case status.Status == http.StatusNotFound && status.Message == protocol.NoRoute:
		return engram.Gen2, true, true
	}
	return engram.Gen2, false, true
}

// ErrChanged: a project server refused what it takes as what it was known for, and is
// something else by now.
var ErrChanged = errors.New("the server is of another generation than it was")

// recheck asks again what generation a server is of that refuses what was sent, where
// that was made for one which only an earlier run has asked for: it may have been rolled
// back, and then nothing may be given up for that.
func (t *RemoteTransport) recheck(ctx context.Context, err error) error {
	status, ok := errors.AsType[*StatusError](err)
	if !ok || !blames(status, err) {
		return err
	}
	t.askGeneration.Lock()
	asked := t.asked
	t.askGeneration.Unlock()
	was := t.Facts().Generation
	if asked || was < engram.Gen3 {
		return err
	}
	t.update(func(f *Facts) { f.Generation, f.OrLater, f.Asked = engram.Gen2, true, 0 })
	if err := t.FindGeneration(ctx); err != nil {
		return err
	}
	if t.Facts().Generation == was {
		return err
	}
	status.Class = ErrUnavailable
	return fmt.Errorf("%w: %w", ErrChanged, status)
}
