// Package reading is how accounts read their memories on an account server with a browser: who somebody is by a cookie, and for each
// account that does so the pages of internal/pages, of an index that it keeps in a file beside other short-lived ones. What is common
// to all requests (limits, log, who fits a password) stays with internal/server, which serves it.
package reading

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/spool"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

const (
	// openAtOnce is how many indexes are open: each takes some memory, and one that nobody asks for is closed after idleAfter.
	openAtOnce = 32
	idleAfter  = 10 * time.Minute
	// indexBytes bounds the index of an account, and keptBytes all that are not in use. None grows while the disk has less than spareBytes.
	indexBytes = 1 << 30
	keptBytes  = 8 << 30
	spareBytes = 512 << 20
	// Chunks that are read into indexes, and pages that are made, at once, and those of large chunks among each. The rows of each are in
	// memory, and a processor is busy. Accounts take turns, and each has one.
	workAtOnce, largeAtOnce = 2, 1

	mayWait    = 64
	waitAtMost = 15 * time.Second
)

// Config is what a Room stands on.
type Config struct {
	Dir    string // of the indexes, made by the first one
	Chunks store.Chunks
	Users  store.Users
	// Work gives a turn for what keeps the database busy.
	Work func(ctx context.Context, userID string) (leave func(), err error)
	// Pace is that of work of an account, which makes room for what others do.
	Pace    func(userID string) *limits.Pace
	Spools  spool.Place // where pages wait for their readers
	Met     func(error) // hears of what went wrong
	Version string      // of this program
	Log     *slog.Logger
}

// Room is where accounts read. Its methods are safe for concurrent use.
type Room struct {
	Config
	ctx context.Context // of all that goes on in it
	end context.CancelFunc

	own, work, largeReads, largePages *limits.Turns

	mu      sync.Mutex
	shelves map[string]*shelf // by account
	closed  bool
}

// NewRoom makes one, which has nothing open.
func NewRoom(c Config) *Room {
	ctx, end := context.WithCancel(context.Background())
	turns := func(all int) *limits.Turns { return limits.NewTurns(all, 1, mayWait) }
	return &Room{
		Config: c, ctx: ctx, end: end, shelves: map[string]*shelf{},
		own: turns(math.MaxInt), work: turns(workAtOnce), largeReads: turns(largeAtOnce), largePages: turns(largeAtOnce),
	}
}

// turn waits for that of an account to keep a processor busy. Behind it the account rests as long as it worked, while
// others come as well: to push is more urgent than to read.
func (r *Room) turn(ctx context.Context, userID string) (leave func(), err error) {
	leaveOwn, err := r.own.Take(ctx, userID)
	if err != nil {
		return nil, err
	}
	leaveWork, err := r.work.Take(ctx, userID)
	if err != nil {
		leaveOwn()
		return nil, err
	}
	pace := r.Pace(userID)
	return func() {
		leaveWork()
		pace.Leave(leaveOwn)
	}, nil
}

// take gives the shelf of an account, until it is released.
func (r *Room) take(ctx context.Context, u store.User) (*shelf, error) {
	for {
		s, other, err := r.find(u)
		switch {
		case err != nil:
			return nil, err
		case s != nil:
			if s.open(); s.err != nil {
				r.release(s)
				return nil, s.err
			}
			return s, nil
		}
		select {
		case <-other.gone:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// find gives the shelf of an account to use, or else one whose end has to be waited for.
func (r *Room) find(u store.User) (s, other *shelf, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s = r.shelves[u.ID]
	switch {
	case r.closed:
		return nil, nil, store.ErrUnavailable
	case s != nil && s.closing:
		return nil, s, nil
	case s != nil && s.spoilt.Load(): // until those who use it are through
		return nil, nil, limits.ErrBusy
	case s == nil && len(r.shelves) >= openAtOnce:
		if other = r.oldest(); other == nil {
			return nil, nil, limits.ErrBusy
		}
		r.shut(other)
		return nil, other, nil
	case s == nil:
		s = newShelf(r, u)
		r.shelves[u.ID] = s
	}
	s.using++
	s.idle.Stop()
	return s, nil, nil
}

// oldest is the shelf that was used least lately of those that nobody uses, or one that is being closed; nil: all are in use.
func (r *Room) oldest() (oldest *shelf) {
	for _, s := range r.shelves {
		if s.closing {
			return s
		}
		if s.using == 0 && (oldest == nil || s.used.Before(oldest.used)) {
			oldest = s
		}
	}
	return oldest
}

// release ends the use of a shelf. One that is no good is closed then.
func (r *Room) release(s *shelf) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.using--
	s.used = time.Now()
	switch {
	case s.using > 0 || s.closing:
	case s.err != nil || s.spoilt.Load():
		r.shut(s)
	default:
		s.idle.Reset(idleAfter)
	}
}

// shut begins to close a shelf. The Room is locked.
func (r *Room) shut(s *shelf) {
	if s.closing {
		return
	}
	s.closing = true
	s.idle.Stop()
	go func() {
		defer panics.Guard()
		s.close()
		r.mu.Lock()
		delete(r.shelves, s.user.ID)
		r.mu.Unlock()
		close(s.gone)
	}()
}

// idle closes a shelf that nobody has used for a while.
func (r *Room) idle(s *shelf) {
	defer panics.Guard()
	r.mu.Lock()
	used := s.using > 0
	if !used {
		r.shut(s)
	}
	r.mu.Unlock()
	if used {
		return
	}
	<-s.gone
	if err := r.Sweep(r.ctx); err != nil {
		r.Log.WarnContext(r.ctx, "indexes that nobody needs cannot be removed", "error", err.Error())
	}
}

// Close closes everything. Nobody may use the Room any more.
func (r *Room) Close() {
	r.end()
	r.mu.Lock()
	r.closed = true
	var all []*shelf
	for _, s := range r.shelves {
		r.shut(s)
		all = append(all, s)
	}
	r.mu.Unlock()
	for _, s := range all {
		<-s.gone
	}
}

const suffix = ".db"

// path is where the index of an account lies.
func (r *Room) path(userID string) string {
	return filepath.Join(r.Dir, url.PathEscape(userID)+suffix)
}

// Sweep removes the indexes of accounts that are not there any more, and those written longest ago of too many bytes.
func (r *Room) Sweep(ctx context.Context) error {
	entries, err := os.ReadDir(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var idle []fs.FileInfo
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), suffix)
		id, err := url.PathUnescape(name)
		if !is || err != nil {
			continue
		}
		if _, err := r.Users.UserByID(ctx, id); errors.Is(err, store.ErrNoUser) {
			r.Drop(ctx, id)
		} else if info, err := e.Info(); err == nil && !r.isOpen(id) {
			idle = append(idle, info)
		}
	}
	slices.SortFunc(idle, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	bytes := int64(0)
	for _, info := range idle {
		if bytes += info.Size(); bytes > keptBytes {
			memoryindex.Remove(filepath.Join(r.Dir, info.Name()))
		}
	}
	return nil
}

// Drop removes the index of an account that is not there any more. One that somebody uses goes with the last of them.
func (r *Room) Drop(ctx context.Context, id string) {
	r.mu.Lock()
	s := r.shelves[id]
	used := s != nil && s.using > 0
	if s != nil {
		s.spoilt.Store(true)
	}
	if s != nil && !used {
		r.shut(s)
	}
	r.mu.Unlock()
	if used {
		return
	}
	if s != nil {
		select {
		case <-s.gone:
		case <-ctx.Done():
			return
		}
	}
	memoryindex.Remove(r.path(id)) // also where it was being closed already
}

func (r *Room) isOpen(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shelves[id] != nil
}
