package journal

import (
	"cmp"
	"crypto/sha256"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// held knows which rows have to wait because a project is paused: its own, and
// every later row that is about the same thing or the same session. Deletes
// name no project, and if they went ahead of what they delete, that would come
// back to life. Source: account-server.md 4.5, 7.3.7.
type held struct {
	projects map[string]bool
	// things are the entities and sessions of the rows that wait, as hashes,
	// with the project that they wait for.
	things map[[16]byte]string
}

func newHeld() held { return held{projects: map[string]bool{}, things: map[[16]byte]string{}} }

// pause says that a project is paused, and whether that holds back any of the
// rows. Where none seems to belong to it, because the server calls it by
// another name or by none, one row alone must be what is meant.
func (h held) pause(project string, rows []Row) bool {
	if project != "" {
		h.projects[project] = true
	}
	for _, row := range rows {
		if _, waits := h.waits(row.Entry); waits {
			return true
		}
	}
	if len(rows) != 1 {
		return false
	}
	e := rows[0].Entry
	if own := e.Scope().Project; own != "" {
		h.projects[own] = true
		project = cmp.Or(project, own)
	}
	h.hold(e, project)
	return true
}

// waits says whether a row has to wait, and for which project.
func (h held) waits(e engram.MutationEntry) (project string, waits bool) {
	if len(h.projects) == 0 && len(h.things) == 0 {
		return "", false
	}
	scope := e.Scope()
	if h.projects[scope.Project] {
		return scope.Project, true
	}
	for _, thing := range thingsOf(e, scope) {
		if project, waits = h.things[thing]; waits {
			return project, true
		}
	}
	return "", false
}

// hold makes everything wait that is about the same.
func (h held) hold(e engram.MutationEntry, project string) {
	for _, thing := range thingsOf(e, e.Scope()) {
		h.things[thing] = project
	}
}

func thingsOf(e engram.MutationEntry, scope engram.MutationScope) [][16]byte {
	things := [][16]byte{thing(e.Entity, e.EntityKey)}
	if scope.Session != "" && e.Entity != "session" {
		things = append(things, thing("session", scope.Session))
	}
	return things
}

func thing(entity, key string) [16]byte {
	sum := sha256.Sum256([]byte(entity + "\x00" + key))
	return [16]byte(sum[:16])
}

// park says whether a row has to wait, and remembers that it does.
func (p *mutationPusher) park(row Row) bool {
	project, waits := p.held.waits(row.Entry)
	if !waits {
		return false
	}
	p.held.hold(row.Entry, project)
	p.job.Deferred.Add(row.Position)
	p.result.Paused[project]++
	p.dirty = true
	return true
}

// sendable are the rows that need not wait. The others are parked.
func (p *mutationPusher) sendable(rows []Row) []Row {
	free := make([]Row, 0, len(rows))
	for _, row := range rows {
		if !p.park(row) {
			free = append(free, row)
		} else {
			p.opts.Report.Tell(work.Event{Kind: work.EventDone})
		}
	}
	return free
}
