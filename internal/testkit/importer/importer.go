// Package importer is a model of `engram sync --import`: what each generation of
// engram makes of a chunk directory, as the protocol's pages tell it. Tests hold what
// we write, and what we say of readers, against it; so it shares no code with either.
// Only tests import it.
package importer

import (
	"cmp"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Directory is a chunk directory, its chunks in the order of the manifest.
type Directory struct {
	Version int
	Chunks  []Chunk
}

// Chunk is one that the manifest lists.
type Chunk struct {
	ID      string
	Text    []byte // uncompressed
	Missing bool   // there is no file
	Broken  bool   // gzip does not get to the end of it
}

// Database is what a reader has, by identity.
type Database struct {
	Sessions     map[string]Session
	Observations map[string]Observation
	Prompts      map[string]Prompt
	Relations    map[string]Relation
	// Tombstones have the time of the deletion.
	Tombstones map[Name]string
	// Waiting are the relations that were set aside.
	Waiting map[string]Relation
	// Known are the chunks that were applied.
	Known map[string]bool
}

// Name is an identity.
type Name struct{ Entity, Key string }

// NewDatabase is one with nothing in it.
func NewDatabase() *Database {
	return &Database{
		Sessions: map[string]Session{}, Observations: map[string]Observation{}, Prompts: map[string]Prompt{}, Relations: map[string]Relation{},
		Tombstones: map[Name]string{}, Waiting: map[string]Relation{}, Known: map[string]bool{},
	}
}

func (db *Database) clone() Database {
	return Database{
		Sessions: maps.Clone(db.Sessions), Observations: maps.Clone(db.Observations), Prompts: maps.Clone(db.Prompts), Relations: maps.Clone(db.Relations),
		Tombstones: maps.Clone(db.Tombstones), Waiting: maps.Clone(db.Waiting), Known: maps.Clone(db.Known),
	}
}

// Outcome is how an import ended.
type Outcome struct {
	Refused *Fault  // the whole of it: nothing was applied
	Stalled []Fault // chunks of which nothing was applied
	Missing []string
	Events  []Event
}

// Exit is the exit code of the command.
func (o Outcome) Exit() int {
	if o.Refused != nil || len(o.Stalled) > 0 {
		return 1
	}
	return 0
}

// Fault is a chunk with what is wrong with it.
type Fault struct{ Chunk, Why string }

// Event is what became of a change that was not simply applied.
type Event struct {
	Chunk string
	Name
	What What
}

// What can become of a change.
type What string

// The fates, besides being applied.
const (
	Dropped What = "dropped" // a session row beside mutations that nothing in the chunk needs
	Aside   What = "aside"   // a relation that waits for its ends
	Dead    What = "dead"    // kept as evidence, and never applied
	Stale   What = "stale"   // older than the tombstone of the row
	Stub    What = "stub"    // a session that is nowhere was invented
)

// Clock is what the importer's own clock says.
const Clock = "2026-11-28 12:00:00"

// run is one import.
type run struct {
	g      engram.Generation
	db     *Database
	out    Outcome
	events []Event // of the chunk that is being applied
	chunk  string
	exist  map[string]bool // the sessions of all listed chunks
}

// Import imports a directory into a database.
// Source: engram-2.md 2.3, 10; local-state.md 1.4.
func Import(g engram.Generation, dir Directory, db *Database) Outcome {
	r := &run{g: g, db: db, exist: map[string]bool{}}
	pending := r.read(dir)
	if r.out.Refused == nil && g >= engram.Gen2 && dir.Version < 2 {
		r.preflight(pending)
	}
	if r.out.Refused != nil {
		return r.out
	}
	for progress := true; progress; {
		progress = false
		r.out.Stalled = nil
		pending = slices.DeleteFunc(pending, func(c *content) bool {
			err := r.transaction(c)
			if err != nil {
				r.out.Stalled = append(r.out.Stalled, Fault{c.id, err.Error()})
			}
			progress = progress || err == nil
			return err == nil
		})
		r.retry()
	}
	return r.out
}

// read reads all chunks, and gives those that are not known.
func (r *run) read(dir Directory) (pending []*content) {
	listed := map[string]bool{}
	for _, c := range dir.Chunks {
		known := r.db.Known[c.ID]
		switch {
		case listed[c.ID]:
			continue
		case c.Missing:
			r.out.Missing = append(r.out.Missing, c.ID)
			continue
		}
		listed[c.ID] = true
		content, err := r.parse(c)
		if err != nil && known {
			continue
		} else if err != nil {
			r.out.Refused = cmp.Or(r.out.Refused, &Fault{c.ID, err.Error()})
			continue
		}
		for _, m := range content.changes {
			if m.entity == "session" && m.op == "upsert" {
				r.exist[m.key] = true
			}
		}
		for _, id := range content.lone { // it is read, though it will not be applied
			r.exist[id] = true
		}
		if !known {
			pending = append(pending, content)
		}
	}
	return pending
}

// preflight refuses an import from a lowered manifest while ownership is in play.
func (r *run) preflight(pending []*content) {
	owned := map[string]bool{}
	for _, s := range r.db.Sessions {
		if s.Mode == owner {
			owned[s.Project] = true
		}
	}
	for _, c := range pending {
		for _, m := range c.changes {
			why := ""
			switch {
			case m.entity == "relation":
			case m.undecodable && (m.entity == "session" || m.entity == "observation" || m.entity == "prompt"):
				why = m.bad.Error()
			case m.entity == "session" && m.op == "upsert" && m.session.Mode == owner,
				m.entity == "session" && m.op == "delete" && r.db.Sessions[m.key].Mode == owner,
				owned[cmp.Or(m.project, r.db.Sessions[m.of].Project)]:
				why = "sync downgrade is unsupported"
			}
			if why != "" {
				r.out.Refused = &Fault{c.id, why}
				return
			}
		}
	}
}

// transaction applies all of a chunk or nothing.
func (r *run) transaction(c *content) error {
	before := r.db.clone()
	r.chunk, r.events = c.id, nil
	err := r.apply(c)
	if err != nil {
		*r.db = before
		return err
	}
	r.db.Known[c.id] = true
	r.out.Events = append(r.out.Events, r.events...)
	return nil
}

func (r *run) note(entity, key string, what What) {
	r.events = append(r.events, Event{r.chunk, Name{entity, key}, what})
}

// retry looks whether relations that wait have their ends by now.
func (r *run) retry() {
	for key, rel := range r.db.Waiting {
		if r.endsFit(rel) {
			r.db.Relations[key] = rel
			delete(r.db.Waiting, key)
		}
	}
}
