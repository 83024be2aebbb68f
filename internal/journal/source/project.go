package source

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"iter"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// Project is a source as a project server gets it: only the rows of one
// project, and no personal ones. A row that names no project, as deletes of engram
// 1.9.4 do, belongs where the earlier rows about the same thing belong, or else
// those about its session; where there are none, it belongs to the project. What is
// personal is nobody else's, and everybody with the server's token would read it.
// Source: local-state.md 2.3, project-server.md T17.
type Project struct {
	Source
	project string // normalised
	opts    Options
	learned bool
	skip    journal.Positions
	orphans orphans
	// Ours counts the rows of the project in the whole source, Foreign and Personal what
	// stays here of it.
	Ours, Foreign, Personal int64
}

// Options are how the rows of a project are made ready.
type Options struct {
	// Generation gives the server's, for sessions of a project without a directory: all
	// else is demanded alike. It is called once that is needed. nil: it is 1.x.
	Generation func(context.Context) (engram.Generation, error)
	Personal   bool // personal rows go too
	Strict     bool // nothing is mended
	Force      bool // what the server is known to refuse goes all the same
	// Sessions gives the rows of those of the sessions that engram's database or a
	// chunk has, for rows whose session is nowhere in the source.
	Sessions func(ctx context.Context, ids []string) (map[string]json.RawMessage, error)
}

// ForProject gives the rows of a project.
func ForProject(s Source, project string, opts Options) *Project {
	return &Project{Source: s, project: project, opts: opts}
}

// Rows gives the rows that go.
func (s *Project) Rows(ctx context.Context, after int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		if err := s.learn(ctx); err != nil {
			yield(journal.Row{}, err)
			return
		}
		for row, err := range s.Source.Rows(ctx, after) {
			if err == nil && s.skip.Has(row.Position) {
				continue
			}
			row.Entry.Project = s.project
			if err == nil {
				row, err = s.prepare(ctx, row)
				row.Orphan = s.orphans.of[row.Position]
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// learn goes through the whole source once and decides about every row: what
// an earlier one says counts for later ones.
func (s *Project) learn(ctx context.Context) error {
	if s.learned {
		return nil
	}
	x := excluded{seed: maphash.MakeSeed(), foreign: map[uint64]bool{}, personal: map[uint64]bool{}}
	s.orphans = newOrphans()
	for row, err := range s.Source.Rows(ctx, 0) {
		if err != nil {
			return err
		}
		scope := row.Entry.Scope()
		foreign, personal := x.judge(row.Entry, scope, s.project)
		if !foreign {
			s.Ours++
		}
		switch {
		case foreign:
			s.skip.Add(row.Position)
			s.Foreign++
		case personal && !s.opts.Personal:
			s.skip.Add(row.Position)
			s.Personal++
		case !row.Skip && row.SetAside == "":
			s.orphans.see(row, strings.TrimSpace(scope.Session))
		}
	}
	s.learned = true
	return nil
}

// excluded are the entities that do not go to the project, as hashes.
type excluded struct {
	seed              maphash.Seed
	foreign, personal map[uint64]bool
}

// judge says of a row whether it is another project's, or personal, and
// remembers that for later rows about the same entity.
func (x excluded) judge(e engram.MutationEntry, scope engram.MutationScope, project string) (foreign, personal bool) {
	own, entity, session := engram.ProjectKey(scope.Project), x.hash(e.Entity, e.EntityKey), x.hash("session", scope.Session)
	switch {
	case own != "":
		foreign = own != engram.ProjectKey(project)
	case x.foreign[entity]:
		foreign = true
	default:
		foreign = scope.Session != "" && x.foreign[session]
	}
	personal = engram.IsPersonal(scope.Name) || scope.Name == "" && x.personal[entity]
	set(x.foreign, entity, foreign)
	set(x.personal, entity, personal)
	return foreign, personal
}

// set keeps the map as small as what is in it.
func set(m map[uint64]bool, key uint64, value bool) {
	if value {
		m[key] = true
	} else {
		delete(m, key)
	}
}

func (x excluded) hash(entity, key string) uint64 {
	return maphash.String(x.seed, entity+"\x00"+key)
}
