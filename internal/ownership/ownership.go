// Package ownership is whose the rows of a chunk are, by the projects that they or their sessions name.
// Whoever moves chunks of many projects asks it, and whoever remembers the answer.
package ownership

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowstream"
)

// Projects says whose the rows of one chunk are.
type Projects struct {
	// Names are the projects that rows name, or their sessions do, normalised. There
	// are at most maxProjectNames, which is as good as all: nobody's chunk has two.
	Names []string `json:"names,omitempty"`
	// Sessions are the projects of the sessions that the chunk brings.
	Sessions map[string]string `json:"sessions,omitempty"`
	// Open are the sessions that would name the projects of the rows that name none,
	// and that the chunk does not bring.
	Open []string `json:"open,omitempty"`
}

const (
	maxProjectNames    = 16
	maxProjectSessions = 10000
)

// Belongs says whether all rows belong to the project, as far as anything names
// one. sessionProject gives the project of a session of other chunks, or "". A chunk of
// which nobody knows whose it is belongs to no project.
func (p Projects) Belongs(project string, sessionProject func(id string) string) bool {
	names := slices.Clone(p.Names)
	for _, id := range p.Open {
		if name := sessionProject(id); name != "" {
			names = append(names, name)
		}
	}
	return len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return engram.ProjectKey(name) != engram.ProjectKey(project) })
}

// Read reads whose the rows of a chunk are, as a stream.
func Read(r io.Reader) (Projects, error) {
	reader := projectReader{names: map[string]bool{}, sessions: map[string]string{}, changed: map[string]string{}, open: map[string]bool{}}
	err := rowstream.ReadMembers(r, map[string]rowstream.MemberReader{
		"sessions":     rowstream.Rows(reader.session),
		"observations": rowstream.Rows(func(row ownedRow) { reader.row(engram.Text(row.Project), row.SessionID) }),
		"prompts":      rowstream.Rows(func(row ownedRow) { reader.row(engram.Text(row.Project), row.SessionID) }),
		"mutations":    rowstream.Rows(reader.mutation),
	})
	return reader.finish(), err
}

// ownedRow has the members that say whose a row is.
type ownedRow struct {
	Project   *string `json:"project"`
	SessionID string  `json:"session_id"`
}

// projectReader reads one chunk. Only at its end all sessions are known.
type projectReader struct {
	names    map[string]bool
	sessions map[string]string
	changed  map[string]string // by mutations, which engram applies behind the rows. Source: engram-2.md 2.3.
	open     map[string]bool   // sessions of rows that name no project
}

func (r *projectReader) session(s struct {
	ID      string  `json:"id"`
	Project *string `json:"project"`
}) {
	r.bring(r.sessions, s.ID, engram.Text(s.Project))
}

func (r *projectReader) bring(to map[string]string, id, project string) {
	if project = engram.NormalizeProject(project); project == "" {
		return
	}
	r.names[project] = true
	if len(to) < maxProjectSessions {
		to[id] = project
	}
}

func (r *projectReader) row(project, session string) {
	if project = engram.NormalizeProject(project); project != "" {
		r.names[project] = true
	} else if session != "" {
		r.open[session] = true
	}
}

func (r *projectReader) mutation(m struct {
	Entity    string          `json:"entity"`
	EntityKey string          `json:"entity_key"`
	Op        string          `json:"op"`
	Payload   json.RawMessage `json:"payload"`
	Project   string          `json:"project"`
}) {
	e := engram.MutationEntry{Entity: m.Entity, EntityKey: m.EntityKey, Op: m.Op, Payload: m.Payload, Project: m.Project}
	scope := e.Scope()
	if strings.EqualFold(e.Entity, "session") {
		r.bring(r.changed, e.EntityKey, scope.Project)
		return
	}
	r.row(scope.Project, scope.Session)
}

func (r *projectReader) finish() Projects {
	maps.Copy(r.sessions, r.changed)
	p := Projects{Sessions: r.sessions}
	for _, id := range slices.Sorted(maps.Keys(r.open)) {
		if _, brought := r.sessions[id]; !brought && len(p.Open) < maxProjectSessions {
			p.Open = append(p.Open, id)
		}
	}
	p.Names = slices.Sorted(maps.Keys(r.names))
	p.Names = p.Names[:min(len(p.Names), maxProjectNames)]
	return p
}
