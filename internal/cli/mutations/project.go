package mutations

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"iter"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// projectSource is a source as a project server gets it: only the rows of one
// project, and no personal ones. A row that names no project, as deletes of engram
// 1.9.4 do, belongs where the earlier rows about the same thing belong, or else
// those about its session; where there are none, it belongs to the project. What is
// personal is nobody else's, and everybody with the server's token would read it.
// Source: local-state.md 2.3, project-server.md T17.
type projectSource struct {
	mutationSource
	project  string // normalised
	personal bool   // personal rows go too

	learned bool
	skip    journal.Positions
	// foreign and secret count what stays here of the whole source.
	foreign, secret int64
}

// Rows gives the rows that go.
func (s *projectSource) Rows(ctx context.Context, after int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		if err := s.learn(ctx); err != nil {
			yield(journal.Row{}, err)
			return
		}
		for row, err := range s.mutationSource.Rows(ctx, after) {
			if err == nil && s.skip.Has(row.Position) {
				continue
			}
			row.Entry.Project = s.project
			if !yield(row, err) {
				return
			}
		}
	}
}

// learn goes through the whole source once and decides about every row: what
// an earlier one says counts for later ones.
func (s *projectSource) learn(ctx context.Context) error {
	if s.learned {
		return nil
	}
	b := belongings{seed: maphash.MakeSeed(), foreign: map[uint64]bool{}, secret: map[uint64]bool{}}
	for row, err := range s.mutationSource.Rows(ctx, 0) {
		if err != nil {
			return err
		}
		switch foreign, secret := b.judge(row.Entry, s.project); {
		case foreign:
			s.skip.Add(row.Position)
			s.foreign++
		case secret && !s.personal:
			s.skip.Add(row.Position)
			s.secret++
		}
	}
	s.learned = true
	return nil
}

// belongings are the things that do not go to the project, as hashes.
type belongings struct {
	seed            maphash.Seed
	foreign, secret map[uint64]bool
}

// judge says of a row whether it is another project's, or personal, and
// remembers that for later rows about the same thing.
func (b belongings) judge(e engram.MutationEntry, project string) (foreign, secret bool) {
	scope := e.Scope()
	own, thing, session := engram.NormalizeProject(scope.Project), b.hash(e.Entity, e.EntityKey), b.hash("session", scope.Session)
	switch {
	case own != "":
		foreign = own != project
	case b.foreign[thing]:
		foreign = true
	default:
		foreign = scope.Session != "" && b.foreign[session]
	}
	said, personal := personalScope(e.Payload)
	secret = personal || !said && b.secret[thing]
	set(b.foreign, thing, foreign)
	set(b.secret, thing, secret)
	return foreign, secret
}

// set keeps the map as small as what is in it.
func set(m map[uint64]bool, key uint64, value bool) {
	if value {
		m[key] = true
	} else {
		delete(m, key)
	}
}

func (b belongings) hash(entity, key string) uint64 {
	return maphash.String(b.seed, entity+"\x00"+key)
}

// personalScope says whether a payload names a scope, and whether that is personal.
func personalScope(payload json.RawMessage) (said, personal bool) {
	var fields struct {
		Scope string `json:"scope"`
	}
	if len(payload) > 0 && payload[0] == '"' {
		var text string
		_ = json.Unmarshal(payload, &text) // what it cannot read names no scope
		payload = json.RawMessage(text)
	}
	_ = json.Unmarshal(payload, &fields)
	scope := strings.TrimSpace(fields.Scope)
	return scope != "", strings.EqualFold(scope, "personal")
}
