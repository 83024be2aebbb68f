package journal

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Sessions are those of one project that a server's journal has, as far as it was
// read. It is a cache: without it the journal is read from its beginning.
type Sessions struct {
	Store   JobStore `json:"-"`
	Project string   `json:"-"` // normalised

	Schema int               `json:"schema"`
	Last   engram.JournalRef `json:"last"` // the newest row that was read
	IDs    map[string]bool   `json:"sessions"`
}

// SessionsSchema is the number of the JSON shape of Sessions.
const SessionsSchema = 1

const (
	// sessionPages is how many pages one run reads at most: the next one goes on there.
	sessionPages = 500
	// sessionOverlap is how many rows are read again, since one can become visible
	// behind others. Source: project-server.md 10 (T3).
	sessionOverlap = 200
)

// has says whether the journal has a session.
func (s *Sessions) has(id string) bool { return s.IDs[sessionKey(id)] }

func sessionKey(id string) string {
	sum := entityHash("session", id)
	return hex.EncodeToString(sum[:])
}

// read reads on in the journal, and says whether it came to the end. A journal that
// no longer has the row that was read last was restored, and is read anew.
func (s *Sessions) read(ctx context.Context, remote Reader) (toEnd bool, err error) {
	if same, err := s.continues(ctx, remote); err != nil {
		return false, err
	} else if !same {
		s.Last, s.IDs = engram.JournalRef{}, map[string]bool{}
	}
	since := max(0, s.Last.Seq-sessionOverlap)
	for range sessionPages {
		page, err := readPage(ctx, remote, since, reconcilePage)
		if err != nil {
			return false, fmt.Errorf("read which sessions the journal has: %w", err)
		}
		for _, row := range page.Mutations {
			if since = row.Seq; row.Seq > s.Last.Seq {
				s.Last = journalRef(row)
			}
			s.note(row)
		}
		if !page.HasMore {
			return true, s.Store.Write(s)
		}
	}
	return false, s.Store.Write(s)
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
	if key := sessionKey(row.EntityKey); row.Op == "delete" {
		delete(s.IDs, key)
	} else {
		s.IDs[key] = true
	}
}

func journalRef(row engram.PullMutationResult) engram.JournalRef {
	sum := engram.MutationSum(row.Entry())
	return engram.JournalRef{Seq: row.Seq, Sum: binary.BigEndian.Uint32(sum[:])}
}
