package problem

import (
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// match recognises an error of a command that took its token from somewhere.
type match func(err error, tokenFrom string) bool

func is(targets ...error) match {
	return func(err error, _ string) bool { return Is(err, targets...) }
}

func as[T error](err error, _ string) bool { return As[T](err) }

// refusedWith recognises what a project server refused with one of these codes.
func refusedWith(codes ...string) match {
	return func(err error, _ string) bool {
		status, ok := errors.AsType[*transport.StatusError](err)
		return ok && slices.Contains(codes, status.Code)
	}
}

// refusedToken recognises a token that is no good, of one of these sources.
func refusedToken(sources ...string) match {
	return func(err error, tokenFrom string) bool {
		return Is(err, transport.ErrUnauthorized) && !Is(err, ErrBadLogin) && slices.Contains(sources, tokenFrom)
	}
}

// nobodyAsks recognises a project server that knows nobody behind the request.
func nobodyAsks(err error, _ string) bool {
	var status *transport.StatusError
	return errors.As(err, &status) && status.NobodyAsks()
}

// accountGone recognises what a server says to the token of an account that it has no more.
func accountGone(err error, _ string) bool {
	var status *transport.StatusError
	return errors.As(err, &status) && status.AccountGone()
}

// takenWords are those of account servers. Source: account-server.md 2.1.
var takenWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:username|email) is already registered$`)
})

// nameTaken recognises the refusal of a second account of one name.
func nameTaken(err error, _ string) bool {
	var status *transport.StatusError
	return errors.As(err, &status) && status.Status == http.StatusConflict && status.Says(takenWords())
}

// full recognises a server without room.
func full(err error, _ string) bool {
	var status *transport.StatusError
	return errors.As(err, &status) && status.Full()
}

// stranger recognises what something before the server refused.
func stranger(err error, _ string) bool {
	var status *transport.StatusError
	return errors.As(err, &status) && status.Stranger()
}

// proxyLimit recognises what something before the server found too large: that is
// about one request, and others may be small enough.
func proxyLimit(err error, _ string) bool {
	var status *transport.StatusError
	return errors.As(err, &status) && status.Status == http.StatusRequestEntityTooLarge && status.Stranger() && !status.ToAll
}

// limitLearnt recognises a chunk that goes through in smaller parts, which the next run makes.
func limitLearnt(err error, _ string) bool {
	var large *transport.TooLargeError
	return errors.As(err, &large) && large.News
}

// collision recognises two different chunks with one id.
func collision(err error, tokenFrom string) bool {
	return Is(err, chunkdir.ErrCollision, transport.ErrOtherContent, syncer.ErrOtherBytes) || refusedWith(transport.CodeChunkConflict)(err, tokenFrom)
}

// outOfTime recognises the end of the time that the user gave the run.
func outOfTime(err error, _ string) bool {
	ended, ok := errors.AsType[*terminal.Interrupted](err)
	return ok && ended.Signal == nil
}

// signalled recognises the end by one of these signals.
func signalled(signals ...os.Signal) match {
	return func(err error, _ string) bool {
		ended, ok := errors.AsType[*terminal.Interrupted](err)
		return ok && slices.Contains(signals, ended.Signal)
	}
}

// leftOut recognises rows that stay here: alone, or while others go or are there.
func leftOut(alone bool) match {
	return func(err error, _ string) bool {
		e, ok := errors.AsType[*syncer.LeftOutError](err)
		return ok && e.Alone == alone
	}
}

// replacedFile recognises a chunk file that was put back although text was taken out of the chunk.
func replacedFile(err error, _ string) bool {
	e, ok := errors.AsType[*syncer.OrphanError](err)
	return ok && !e.By.IsZero()
}

// orphan recognises a chunk file that a push left here: alone, or while others go
// or are there.
func orphan(alone bool) match {
	return func(err error, _ string) bool {
		e, ok := errors.AsType[*syncer.OrphanError](err)
		return ok && e.Alone == alone
	}
}
