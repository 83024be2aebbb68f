package journal

import (
	"context"
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// missing knows what the server does not have because a row was refused (true), and
// what it has (false). Every reader of a journal stops for good at a memory without
// its session, so rows wait for what they need, and those that need them wait too.
// Source: project-server.md 10 (T4).
type missing map[[16]byte]bool

// needs says whether a row needs what is missing.
func (m missing) needs(e engram.MutationEntry) bool {
	if len(m) == 0 || e.Op != "upsert" {
		return false
	}
	if e.Entity == "relation" {
		var ends struct {
			Source string `json:"source_id"`
			Target string `json:"target_id"`
		}
		_ = json.Unmarshal(e.Payload, &ends) // what it cannot read stays empty
		return m[entityHash("observation", ends.Source)] || m[entityHash("observation", ends.Target)]
	}
	session := e.Scope().Session
	return e.Entity != "session" && session != "" && m[entityHash("session", session)]
}

// lacks remembers that a row does not arrive. An earlier version of the same stays.
func (m missing) lacks(e engram.MutationEntry) {
	id := entityHash(e.Entity, e.EntityKey)
	if _, known := m[id]; !known && e.Op == "upsert" {
		m[id] = true
	}
}

// has remembers that the server has what a row brings.
func (m missing) has(e engram.MutationEntry) {
	if m != nil && e.Op == "upsert" {
		m[entityHash(e.Entity, e.EntityKey)] = false
	}
}

// learnMissing goes through what is dealt with, once there is something that was
// refused: before, nobody has to know.
func (p *pusher) learnMissing(ctx context.Context) error {
	if p.missing != nil {
		return nil
	}
	p.missing = missing{}
	last := p.job.Position
	if n := len(p.job.Rejected); n > 0 {
		last = max(last, p.job.Rejected[n-1][1])
	}
	for row, err := range p.source.Rows(ctx, 0) {
		switch at := row.Position; {
		case err != nil:
			return err
		case at > last:
			return nil
		case row.SetAside != "":
		case row.Skip:
			p.missing.has(row.Entry)
		case p.job.Rejected.Has(at), p.job.Accepted.Has(at), p.job.Deferred.Has(at) && p.missing.needs(row.Entry):
			p.missing.lacks(row.Entry)
		case at <= p.job.Position && !p.job.Deferred.Has(at):
			p.missing.has(row.Entry)
		}
	}
	return nil
}

// waitsForMissing says whether a row has to wait for what was refused.
func (p *pusher) waitsForMissing(row Row) bool {
	if !p.missing.needs(row.Entry) {
		return false
	}
	p.missing.lacks(row.Entry)
	p.dependent.Add(row.Position)
	return true
}

// reconsider looks again at rows that were rejected without being sent: mended, or by
// another rule, they can go. So can those that the source has set aside no longer.
func (p *pusher) reconsider(ctx context.Context) error {
	p.job.Unsent.Cut(p.job.Position)
	p.job.SetAside.Cut(p.job.Position)
	if err := p.forgetGone(ctx); err != nil {
		return err
	}
	if err := p.pick(ctx, append(Positions(nil), p.job.Unsent...), func(row Row) error {
		if row.Err == nil {
			p.job.Unsent.Remove(row.Position)
			p.job.Rejected.Remove(row.Position)
			p.job.Deferred.Add(row.Position)
			p.dirty = true
		}
		return nil
	}); err != nil {
		return err
	}
	return p.pick(ctx, append(Positions(nil), p.job.SetAside...), func(row Row) error {
		if row.SetAside != "" {
			p.result.setAside(row)
			return nil
		}
		p.job.SetAside.Remove(row.Position)
		if !row.Skip {
			p.job.Deferred.Add(row.Position)
		}
		p.dirty = true
		return nil
	})
}

// forgetGone forgets the rows that are in the source no more.
func (p *pusher) forgetGone(ctx context.Context) error {
	sets := []*Positions{&p.job.Deferred, &p.job.Rejected, &p.job.Accepted, &p.job.Unsent, &p.job.SetAside}
	var all, there Positions
	for _, set := range sets {
		for _, r := range *set {
			for at := r[0]; at <= r[1]; at++ {
				all.Add(at)
			}
		}
	}
	if !p.opts.RowsGo || len(all) == 0 {
		return nil
	}
	if err := p.pick(ctx, all, func(row Row) error { there.Add(row.Position); return nil }); err != nil {
		return err
	}
	for _, r := range all {
		for at := r[0]; at <= r[1]; at++ {
			for _, set := range sets {
				if !there.Has(at) && set.Has(at) {
					set.Remove(at)
					p.dirty = true
				}
			}
		}
	}
	return nil
}

// setAside passes over a row that the source keeps from being sent, for now.
func (p *pusher) setAside(row Row) {
	p.result.setAside(row)
	p.job.Deferred.Remove(row.Position)
	p.job.SetAside.Add(row.Position)
	p.dirty = true
}

// retryDependent tries the rows again that had to wait: a later row may have brought
// what they need.
func (p *pusher) retryDependent(ctx context.Context) error {
	waiting := p.dependent
	p.dependent = nil
	if err := p.pick(ctx, waiting, func(row Row) error { return p.add(ctx, row) }); err != nil {
		return err
	}
	return p.flush(ctx)
}

// accept settles what was refused, and what waits for it: later runs count it, and
// no more.
func (p *pusher) accept() {
	for _, positions := range []Positions{p.job.Rejected, p.dependent} {
		for _, r := range positions {
			for at := r[0]; at <= r[1]; at++ {
				p.job.Accepted.Add(at)
				p.job.Deferred.Remove(at)
			}
		}
	}
	p.job.Rejected, p.job.Unsent, p.dependent, p.orphaned, p.dirty = nil, nil, nil, nil, true
	p.result.Failed = nil
}
