package journal

import (
	"cmp"
	"crypto/sha256"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// pausedRows knows which rows have to wait because a project is paused: its own, and
// every later row that is about the same thing or the same session. Deletes
// name no project, and if they went ahead of what they delete, that would come
// back to life. Source: account-server.md 4.5, 7.3.7.
type pausedRows struct {
	projects map[string]bool
	// entities are the entities and sessions of the rows that wait, as hashes,
	// with the project that they wait for.
	entities map[[16]byte]string
}

// pause says that a project is paused, and whether that holds back any of the
// rows. Where none seems to belong to it, because the server calls it by
// another name or by none, one row alone must be what is meant.
func (h pausedRows) pause(project string, rows []Row) bool {
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
func (h pausedRows) waits(e engram.MutationEntry) (project string, waits bool) {
	if len(h.projects) == 0 && len(h.entities) == 0 {
		return "", false
	}
	scope := e.Scope()
	if h.projects[scope.Project] {
		return scope.Project, true
	}
	for _, id := range entitiesOf(e, scope) {
		if project, waits = h.entities[id]; waits {
			return project, true
		}
	}
	return "", false
}

// hold makes everything wait that is about the same.
func (h pausedRows) hold(e engram.MutationEntry, project string) {
	for _, id := range entitiesOf(e, e.Scope()) {
		h.entities[id] = project
	}
}

func entitiesOf(e engram.MutationEntry, scope engram.MutationScope) [][16]byte {
	entities := [][16]byte{entityHash(e.Entity, e.EntityKey)}
	if scope.Session != "" && e.Entity != "session" {
		entities = append(entities, entityHash("session", scope.Session))
	}
	return entities
}

func entityHash(entity, key string) [16]byte {
	sum := sha256.Sum256([]byte(entity + "\x00" + strings.TrimSpace(key))) // as servers compare keys
	return [16]byte(sum[:16])
}

// holdBack says whether a row has to wait, and remembers that it does.
func (p *pusher) holdBack(row Row) bool {
	project, paused := p.paused.waits(row.Entry)
	switch {
	case paused:
		p.paused.hold(row.Entry, project)
		p.result.Paused[project]++
	case !p.waitsForMissing(row):
		return false
	}
	p.job.Deferred.Add(row.Position)
	p.dirty = true
	return true
}

// sendable are the rows that need not wait. The others are held back.
func (p *pusher) sendable(rows []Row) []Row {
	free := make([]Row, 0, len(rows))
	for _, row := range rows {
		if p.holdBack(row) {
			p.ended()
		} else {
			free = append(free, row)
		}
	}
	return free
}
