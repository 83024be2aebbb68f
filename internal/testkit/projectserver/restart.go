package projectserver

import (
	"encoding/json"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Restart starts the server again over the same database, with other options if
// it needs them. For each named project the start makes a chunk of what the
// journal has and no chunk's mutations do: old rows turn up as a new chunk (T2, T18).
func (s *Server) Restart(opts Options) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start(opts)
	for _, project := range opts.Projects {
		derived, err := s.traits.deriveChunks(s.missing(engram.NormalizeProject(project)))
		if err != nil {
			return err
		}
		if err := s.addDerived(derived, "mutation-backfill"); err != nil {
			return err
		}
	}
	return nil
}

// Upgrade starts the server again as another release.
func (s *Server) Upgrade(release Release) error {
	s.mu.Lock()
	opts := s.opts
	s.mu.Unlock()
	opts.Release = release
	return s.Restart(opts)
}

// filed is a mutation as a chunk files it.
type filed struct{ entity, key, op, payload string }

// missing are the rows of a project's journal that no chunk has as a mutation; s.mu is held.
func (s *Server) missing(project string) []engram.PullMutationResult {
	have := map[filed]bool{}
	for _, c := range s.store(project).chunks {
		for _, m := range filedIn(c.body) {
			have[m] = true
		}
	}
	rows := slices.Clone(s.journal)
	return slices.DeleteFunc(rows, func(row engram.PullMutationResult) bool {
		if row.Project != project {
			return true
		}
		alone, err := s.traits.deriveChunks([]engram.PullMutationResult{row})
		return err != nil || len(alone) == 0 || have[filedIn(alone[0].canonical)[0]]
	})
}

// filedIn gives the mutations of a stored chunk.
func filedIn(body []byte) []filed {
	var c struct {
		Mutations []typedMutation `json:"mutations"`
	}
	_ = json.Unmarshal(body, &c) // a planted body may be anything
	out := make([]filed, len(c.Mutations))
	for i, m := range c.Mutations {
		out[i] = filed{m.Entity, m.EntityKey, m.Op, m.Payload}
	}
	return out
}
