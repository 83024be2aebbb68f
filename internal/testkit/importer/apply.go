package importer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// apply applies the changes of a chunk in the generation's order.
func (r *run) apply(c *content) error {
	for _, id := range c.lone {
		r.note("session", id, Dropped)
	}
	for _, one := range r.ordered(c.changes) {
		if err := r.one(one); err != nil {
			return fmt.Errorf("%s %s %s: %w", one.op, one.entity, one.key, err)
		}
	}
	return nil
}

// ordered puts changes into the order in which they are applied, with stubs for the
// sessions that are nowhere.
func (r *run) ordered(changes []change) []change {
	rank := func(one change) int {
		switch {
		case one.entity == "session" && one.op == "upsert":
			return 1
		case one.entity == "relation" && one.op == "upsert" && r.g >= engram.Gen2:
			return 3
		case one.op != "delete":
			return 2
		case one.entity != "session":
			return 4
		}
		return 5
	}
	list, first := slices.Clone(changes), map[int]bool{}
	if r.g >= engram.Gen3 { // a session that is deleted and made again keeps that order
		for i, one := range list {
			again := func(later change) bool {
				return later.entity == "session" && later.op == "upsert" && later.key == one.key
			}
			if one.entity != "session" || one.op != "delete" || !slices.ContainsFunc(list[i:], again) {
				continue
			}
			first[i] = true
			for j, before := range list[:i] {
				first[j] = first[j] || before.op == "delete" && before.entity != "session"
			}
		}
	}
	var early, rest []change
	for i, one := range list {
		if first[i] {
			early = append(early, one)
		} else {
			rest = append(rest, one)
		}
	}
	slices.SortStableFunc(early, func(a, b change) int { return cmp.Compare(rank(a), rank(b)) })
	slices.SortStableFunc(rest, func(a, b change) int { return cmp.Compare(rank(a), rank(b)) })
	return slices.Concat(early, r.stubs(changes), rest)
}

// stubs are the sessions that must be invented.
func (r *run) stubs(changes []change) (stubs []change) {
	made := map[string]bool{}
	for _, one := range changes {
		_, here := r.db.Sessions[one.of]
		memory := one.entity == "observation" || one.entity == "prompt"
		if !memory || one.op != "upsert" || here || r.exist[one.of] || made[one.of] {
			continue
		}
		made[one.of] = true
		stubs = append(stubs, change{entity: "session", op: "upsert", key: one.of, id: one.of, session: Session{
			ID: one.of, Project: one.project, Directory: "(recovered-missing-session)", StartedAt: "1970-01-01 00:00:00",
		}})
		r.note("session", one.of, Stub)
	}
	return stubs
}

// one applies one change. An error stalls the chunk.
func (r *run) one(one change) error {
	switch {
	case one.bad != nil:
		return one.bad
	case r.g >= engram.Gen2 && one.listed && !one.keyFits():
		r.note(one.entity, one.key, Dead)
		return nil
	case one.entity == "relation" && one.op == "delete" && r.g >= engram.Gen2:
		r.note(one.entity, one.key, Dead)
		return nil
	case one.entity == "relation" && one.op == "delete":
		return errors.New("relations cannot be deleted")
	case one.op == "delete":
		return r.delete(one)
	case one.entity == "relation":
		return r.relate(one)
	case r.isStale(one):
		r.note(one.entity, one.key, Stale)
		return nil
	}
	delete(r.db.Tombstones, Name{one.entity, one.id})
	switch one.entity {
	case "session":
		r.setSession(one.session)
		return nil
	case "observation":
		return r.observe(one.observation)
	}
	return r.prompt(one.prompt)
}

// keyFits says whether the key of a mutation is that of its payload.
func (one change) keyFits() bool {
	switch one.entity {
	case "session":
		return one.key == one.id
	case "prompt":
		return one.op == "upsert" || one.key == one.id
	}
	return strings.TrimSpace(one.key) == strings.TrimSpace(one.id)
}

// isStale says whether a tombstone stands in the way of an upsert.
func (r *run) isStale(one change) bool {
	stone, dead := r.db.Tombstones[Name{one.entity, one.id}]
	if !dead {
		return false
	}
	when := map[string]string{
		"session": one.session.StartedAt, "prompt": one.prompt.CreatedAt,
		"observation": cmp.Or(one.observation.UpdatedAt, one.observation.CreatedAt),
	}[one.entity]
	row, ok := instant(when)
	until, known := instant(stone)
	if !ok || !known {
		return one.entity == "prompt"
	}
	return !row.After(until)
}

func (r *run) setSession(s Session) {
	old, known := r.db.Sessions[s.ID]
	if !known {
		if s.Mode == "" && r.g >= engram.Gen2 {
			s.Mode = "shared"
		}
		r.db.Sessions[s.ID] = s
		return
	}
	s.StartedAt, s.EndedAt, s.Summary = old.StartedAt, cmp.Or(s.EndedAt, old.EndedAt), cmp.Or(s.Summary, old.Summary)
	if r.g >= engram.Gen2 {
		s.Mode = cmp.Or(s.Mode, old.Mode)
		if strings.TrimSpace(old.Directory) != "" {
			s.Directory = old.Directory
		}
		if old.Mode == owner {
			s.Mode, s.Project = owner, old.Project
		}
	}
	r.db.Sessions[s.ID] = s
}

func (r *run) observe(o Observation) error {
	if _, ok := r.db.Sessions[o.SessionID]; !ok {
		return fmt.Errorf("session %s is not there", o.SessionID)
	}
	_, known := r.db.Observations[o.SyncID]
	_, timed := instant(o.CreatedAt)
	if r.g >= engram.Gen3 && !known && o.ReviewAfter == nil && !timed && slices.Contains([]string{"decision", "policy", "preference"}, o.Type) {
		return errors.New("no time to review it by")
	}
	o.ID, o.DeletedAt = 0, nil // every database counts for itself
	if r.g < engram.Gen3 {
		o.ReviewAfter = nil
	}
	r.db.Observations[o.SyncID] = o
	return nil
}

func (r *run) prompt(p Prompt) error {
	if _, ok := r.db.Sessions[p.SessionID]; !ok {
		return fmt.Errorf("session %s is not there", p.SessionID)
	}
	if r.g < engram.Gen3 {
		p.SourceInboxID = ""
	}
	for id, other := range r.db.Prompts {
		if p.SourceInboxID != "" && id != p.SyncID && other.SessionID == p.SessionID && other.SourceInboxID == p.SourceInboxID {
			return fmt.Errorf("prompt %s has its place in the inbox", id)
		}
	}
	p.ID = 0
	r.db.Prompts[p.SyncID] = p
	return nil
}

func (r *run) relate(one change) error {
	rel := one.relation
	switch {
	case r.endsFit(rel):
		r.db.Relations[one.id] = rel
	case r.g < engram.Gen2:
		return errors.New("an end of the relation is not there")
	default:
		r.db.Waiting[one.id] = rel
		r.note("relation", one.key, Aside)
	}
	return nil
}

// endsFit says whether a relation can be stored.
func (r *run) endsFit(rel Relation) bool {
	for _, id := range []string{rel.SourceID, rel.TargetID} {
		o, ok := r.db.Observations[id]
		project := cmp.Or(text(o.Project), r.db.Sessions[o.SessionID].Project)
		if !ok || r.g >= engram.Gen2 && rel.under != "" && project != rel.under {
			return false
		}
	}
	return true
}

func (r *run) delete(one change) error {
	when := text(one.deletion.DeletedAt)
	switch one.entity {
	case "observation":
		o, known := r.db.Observations[one.id]
		if !one.deletion.Hard {
			if known {
				o.DeletedAt, o.UpdatedAt = &when, Clock
				if r.g >= engram.Gen2 {
					o.UpdatedAt = cmp.Or(one.deletion.UpdatedAt, when)
				}
				r.db.Observations[one.id] = o
			}
			return nil
		}
		delete(r.db.Observations, one.id)
		if r.g < engram.Gen2 {
			return nil
		}
	case "prompt":
		delete(r.db.Prompts, one.id)
	case "session":
		for id, o := range r.db.Observations {
			if o.SessionID == one.id {
				return fmt.Errorf("observation %s belongs to it", id)
			}
		}
		for id, p := range r.db.Prompts {
			if p.SessionID == one.id {
				delete(r.db.Prompts, id)
			}
		}
		delete(r.db.Sessions, one.id)
		if r.g < engram.Gen2 {
			return nil
		}
	}
	r.db.Tombstones[Name{one.entity, one.id}] = when
	return nil
}

// instant reads a time as engram writes it: with or without a fraction or a zone.
func instant(t string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02 15:04:05", time.RFC3339} { // both read fractions as well
		if parsed, err := time.Parse(layout, t); err == nil {
			return parsed, true
		}
	}
	return time.Time{}, false
}
