package journal

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal/passed"
	"github.com/engram-sync/engram-sync/internal/rowsum"
)

// Sessions are those of one project that a server's journal has, as far as it was
// read. It is a cache: without it the journal is read from its beginning.
type Sessions struct {
	Store   JobStore `json:"-"`
	Project string   `json:"-"` // normalised

	Schema int               `json:"schema"`
	Last   engram.JournalRef `json:"last"` // the newest row that was read
	// LowWatermark is the row up to which all are settled: the next reading starts there.
	LowWatermark int64           `json:"low_watermark"`
	IDs          map[string]bool `json:"sessions"`

	changed bool
}

// SessionsSchema is the number of the JSON shape of Sessions.
const SessionsSchema = 2

// sessionPages is how many pages one run reads at most: the next one goes on there.
const sessionPages = 500

// has says whether the journal has a session.
func (s *Sessions) has(id string) bool { return s.IDs[sessionKey(id)] }

func sessionKey(id string) string {
	sum := entityHash("session", id)
	return hex.EncodeToString(sum[:])
}

// read reads on in the journal, and says whether it came to the end. A journal that
// no longer has the row that was read last was restored, and is read anew. Rows that can
// still become visible behind others are read again, as by a pull (package passed). Source:
// project-server.md 10 (T3).
func (s *Sessions) read(ctx context.Context, remote Reader) (toEnd bool, err error) {
	if same, err := s.continues(ctx, remote); err != nil {
		return false, err
	} else if !same {
		s.Last, s.LowWatermark, s.IDs, s.changed = engram.JournalRef{}, 0, map[string]bool{}, true
	}
	var window passed.Window
	since := s.LowWatermark
	for range sessionPages {
		window.Ask()
		page, err := readPage(ctx, remote, since, reconcilePage)
		if err != nil {
			return false, fmt.Errorf("read which sessions the journal has: %w", err)
		}
		window.Answer(page.Now)
		for _, row := range page.Mutations {
			ref := journalRef(row)
			if since = row.Seq; row.Seq > s.Last.Seq {
				s.Last, s.changed = ref, true
			}
			window.Pass(ref, row.OccurredAt)
			s.note(row)
		}
		s.settle(&window, page.CommitOrdered)
		if !page.HasMore {
			return true, s.save()
		}
	}
	return false, s.save()
}

// settle moves the low watermark past what need not be read again.
func (s *Sessions) settle(window *passed.Window, ordered bool) {
	n := max(window.Settled(), len(window.Refs)-maxWindow)
	if ordered {
		n = len(window.Refs)
	}
	if n > 0 {
		s.LowWatermark, s.changed = window.Remove(n)[n-1].Seq, true
	}
}

// save writes what is known, whole, and only if there is something new.
func (s *Sessions) save() error {
	if !s.changed {
		return nil
	}
	s.changed = false
	return s.Store.Write(s)
}

// continues says whether the journal still has the row that was read last.
func (s *Sessions) continues(ctx context.Context, remote Reader) (bool, error) {
	if s.Last.Seq == 0 || s.IDs == nil {
		return false, nil
	}
	page, err := readPage(ctx, remote, s.Last.Seq-1, 1)
	return err == nil && len(page.Mutations) > 0 && journalRef(page.Mutations[0]) == s.Last, err
}

// note keeps what a row says about a session of the project.
func (s *Sessions) note(row engram.PullMutationResult) {
	if row.Entity != "session" || engram.NormalizeProject(row.Project) != s.Project {
		return
	}
	key := sessionKey(row.EntityKey)
	if there := row.Op != "delete"; there != s.IDs[key] {
		s.changed = true
		if delete(s.IDs, key); there {
			s.IDs[key] = true
		}
	}
}

func journalRef(row engram.PullMutationResult) engram.JournalRef {
	sum := rowsum.Of(row.Entry())
	return engram.JournalRef{Seq: row.Seq, Sum: binary.BigEndian.Uint32(sum[:])}
}
