package signin

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// StaleAfter is how long a user who was looked up counts for further requests with the
// same token, where nothing is heard of a change: on PostgreSQL another process may have
// made one.
const StaleAfter = 2 * time.Second

// maxRecent bounds the memory for them: some 400 bytes each.
const maxRecent = 4096

// sighting is who came with a token, as of a moment.
type sighting struct {
	bearer
	user    store.User
	changes int64 // store.Users.UserChanges before the look-up
	at      time.Time
}

// fresh says whether nobody needs to be asked again. A clock that was set back makes old.
func (s sighting) fresh(changes int64, now time.Time) bool {
	age := now.Sub(s.at)
	return s.user.ID != "" && s.good(now) && s.changes == changes && age >= 0 && age < StaleAfter
}

// recent remembers the latest sightings by the hashes of tokens, which are secrets. The
// one that was asked for least lately goes first. The zero value is ready for use.
type recent struct {
	mu    sync.Mutex
	order list.List // of *remembered, latest first
	bySum map[[sha256.Size]byte]*list.Element
}

type remembered struct {
	sum [sha256.Size]byte
	sighting
}

// get gives the zero sighting for what is not remembered.
func (r *recent) get(sum [sha256.Size]byte) sighting {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.bySum[sum]
	if at == nil {
		return sighting{}
	}
	r.order.MoveToFront(at)
	return at.Value.(*remembered).sighting
}

func (r *recent) put(sum [sha256.Size]byte, s sighting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := r.bySum[sum]; at != nil {
		at.Value.(*remembered).sighting = s
		r.order.MoveToFront(at)
		return
	}
	if r.bySum == nil {
		r.bySum = make(map[[sha256.Size]byte]*list.Element)
	}
	r.bySum[sum] = r.order.PushFront(&remembered{sum, s})
	if r.order.Len() > maxRecent {
		oldest := r.order.Remove(r.order.Back()).(*remembered)
		delete(r.bySum, oldest.sum)
	}
}
