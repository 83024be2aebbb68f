package reading

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/pages"
	"github.com/engram-sync/engram-sync/internal/place"
	"github.com/engram-sync/engram-sync/internal/server/pushbody"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// every is how often the store is asked at most whether an account has other chunks.
const every = time.Second

// shelf is what an account reads of.
type shelf struct {
	room *Room
	user store.User

	// Under the room's lock.
	using   int
	used    time.Time
	closing bool

	idle   *time.Timer   // that closes it
	gone   chan struct{} // closed when it is
	spoilt atomic.Bool   // the index is to be made anew

	once  sync.Once
	err   error // of opening it; what follows is there without
	index *memoryindex.Index
	fresh *pages.Fresh
	pages http.Handler
}

func newShelf(r *Room, u store.User) *shelf {
	s := &shelf{room: r, user: u, gone: make(chan struct{})}
	s.idle = time.AfterFunc(idleAfter, func() { r.idle(s) })
	return s
}

// open opens the index, the first time.
func (s *shelf) open() {
	s.once.Do(func() {
		r := s.room
		// What one request begins others wait for.
		if s.index, s.err = memoryindex.OpenFile(r.ctx, r.path(s.user.ID), indexBytes); s.err != nil {
			return
		}
		src := source{chunks: r.Chunks, userID: s.user.ID, work: r.Work}
		s.fresh = pages.NewFresh(r.ctx, s.index, src, every, memoryindex.Options{AtOnce: 1, Rows: maxAllRows, Turn: func(ctx context.Context, id engram.ChunkID) (func(), error) { return s.mayRead(ctx, src, id) }})
		src.large = inTime(r.largePages.Take)
		s.pages = pages.New(pages.Place{
			Name: s.user.Name, Version: r.Version, Index: s.index, Source: src, Refresh: s.fresh.Refresh, Turn: func(ctx context.Context) (func(), error) { return inTime(r.turn)(ctx, s.user.ID) }, Tell: s.tell, SignOut: true, Log: r.Log,
		})
	})
}

func (s *shelf) close() {
	s.open() // whoever was about to
	if s.err != nil {
		return
	}
	s.fresh.Stop()
	if s.spoilt.Load() {
		s.index.Discard()
		return
	}
	if err := s.index.Close(); err != nil {
		s.room.Log.WarnContext(s.room.ctx, "an index of memories cannot be closed", "error", err.Error())
	}
}

var errNoRoom = errors.New("the server's disk has no room for more")

// mayRead gives a turn to read a chunk into the index.
func (s *shelf) mayRead(ctx context.Context, src source, id engram.ChunkID) (leave func(), err error) {
	if free, err := place.Free(s.room.Dir); err == nil && free < spareBytes {
		return nil, errNoRoom
	}
	leaveLarge := func() {}
	if id == (engram.ChunkID{}) { // nothing is read
		return s.room.turn(ctx, s.user.ID)
	}
	if _, size, err := src.body(ctx, id); err == nil && size > largeBytes && size <= maxBytes { // what is wrong with it is found out again
		if leaveLarge, err = s.room.largeReads.Take(ctx, s.user.ID); err != nil {
			return nil, err
		}
	}
	leaveRead, err := s.room.turn(ctx, s.user.ID)
	if err != nil {
		leaveLarge()
		return nil, err
	}
	return func() {
		leaveRead()
		leaveLarge()
	}, nil
}

type turns = func(ctx context.Context, userID string) (leave func(), err error)

// inTime gives turns that are not waited for as long as somebody waits for a page.
func inTime(take turns) turns {
	return func(ctx context.Context, userID string) (leave func(), err error) {
		ctx, cancel := context.WithTimeout(ctx, waitAtMost)
		defer cancel()
		if leave, err = take(ctx, userID); err != nil {
			err = pages.ErrBusy
		}
		return leave, err
	}
}

// tell is what of an error the account hears: nothing of the machine.
func (s *shelf) tell(err error) string {
	s.room.Met(err)
	theirs := errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFull) // SQLite may be behind them, too
	if !theirs && memoryindex.IsSpoilt(err) {
		s.spoilt.Store(true)
	}
	if _, reading := errors.AsType[*pages.StillReading](err); reading {
		return err.Error()
	}
	for _, known := range []error{engram.ErrDamaged, errManyChunks, errLargeChunk, memoryindex.ErrManyRows, pushbody.ErrManyRows, errNoRoom} {
		if errors.Is(err, known) {
			return err.Error()
		}
	}
	s.room.Log.WarnContext(s.room.ctx, "pages lack something", "account", s.user.Name, "error", err.Error())
	if !theirs && memoryindex.IsUnkept(err) {
		return "the server cannot keep more of the index of these memories"
	}
	return "the server cannot read this at the moment"
}
