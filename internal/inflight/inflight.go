// Package inflight keeps on disk which chunks a push is sending: before it sends them, so
// that the run after one that was killed looks for them first. The syncer calls it.
package inflight

import (
	"slices"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Notes are where it is remembered. nil is for a remote that takes a chunk twice without
// harm, or that ends with this process.
type Notes interface {
	// Left are the chunks of which an earlier run did not see whether they arrived, and
	// how long it takes until those that the remote does not list are certainly absent.
	Left() (ids []engram.ChunkID, rest time.Duration)
	// Note adds chunks. They are durable when it returns.
	Note(ids []engram.ChunkID) error
	// End forgets all chunks but these.
	End(doubtful []engram.ChunkID)
}

// noteAhead is how many chunks are noted at once: a sync to disk for each of many
// small ones would take longer than a tenth of sending it.
const noteAhead = 16

// Flight is what one push notes of its chunks. The zero value notes nothing.
type Flight struct {
	notes Notes
	late  map[engram.ChunkID]bool // what an earlier run may have sent

	mu    sync.Mutex
	ahead []engram.ChunkID // what is not noted yet, in the order of sending
	noted map[engram.ChunkID]bool
}

// Begin is for a push that is about to send.
func Begin(notes Notes) *Flight {
	f := &Flight{notes: notes, late: map[engram.ChunkID]bool{}, noted: map[engram.ChunkID]bool{}}
	if notes != nil {
		left, _ := notes.Left()
		for _, id := range left {
			f.late[id] = true
		}
	}
	return f
}

// Late says whether an earlier run may have sent the chunk.
func (f *Flight) Late(id engram.ChunkID) bool { return f.late[id] }

// Rest is how long it takes until such a chunk that the remote does not list is
// certainly absent.
func (f *Flight) Rest() time.Duration {
	_, rest := f.notes.Left()
	return rest
}

// Expect says what is sent next, in this order. It is not called while chunks are sent.
func (f *Flight) Expect(id engram.ChunkID) { f.ahead = append(f.ahead, id) }

// Send returns when it is on disk that the chunk is about to be sent.
func (f *Flight) Send(id engram.ChunkID) error {
	if f.notes == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.noted[id] && len(f.ahead) > 0 {
		next := f.ahead[:min(noteAhead, len(f.ahead))]
		if err := f.notes.Note(next); err != nil {
			return err
		}
		for _, id := range next {
			f.noted[id] = true
		}
		f.ahead = f.ahead[len(next):]
	}
	return nil
}

// Settle says whether it is in doubt, after all, if the remote has the chunk.
func (f *Flight) Settle(id engram.ChunkID, doubtful bool) {
	if f.notes != nil {
		f.late[id] = doubtful
	}
}

// End forgets what is known of what was sent, but for what is in doubt.
func (f *Flight) End() {
	if f.notes == nil {
		return
	}
	var doubtful []engram.ChunkID
	for id, is := range f.late {
		if is {
			doubtful = append(doubtful, id)
		}
	}
	slices.SortFunc(doubtful, engram.ChunkID.Compare)
	f.notes.End(doubtful)
}
