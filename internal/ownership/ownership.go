// Package ownership is whose the rows of a chunk are, by the projects that they or their sessions name, and of which
// types they are. Whoever moves chunks of many projects asks it, and whoever remembers the answer.
package ownership

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowstream"
	"github.com/engram-sync/engram-sync/internal/selection"
)

// Projects says whose the rows of one chunk are.
type Projects struct {
	// Names are the projects that rows name, or their sessions do, normalised; at most maxProjectNames.
	Names []string `json:"names,omitempty"`
	// Sessions are the projects of the sessions that the chunk brings.
	Sessions map[string]string `json:"sessions,omitempty"`
	// Open are the sessions that would name the projects of the rows that name none,
	// and that the chunk does not bring.
	Open []string `json:"open,omitempty"`
	// Nobodys says that a row names neither, or a session no project, or that there were more names.
	Nobodys bool `json:"nobodys,omitempty"`
	// Types are those of the rows, as selection.Type; at most maxTypes. Untyped says that some row tells none, or there
	// were more.
	Types   []string `json:"types,omitempty"`
	Untyped bool     `json:"untyped,omitempty"`
}

const (
	maxProjectNames    = 256 // a chunk of engram's `sync --all` has every project of a user
	maxTypes           = 64
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

// Subject is the chunk as what a filter is asked about. open says that a session of another chunk, which nobody knows
// yet, would name a project.
func (p Projects) Subject(at int64, sessionProject func(id string) string) (s selection.Subject, open bool) {
	s = selection.Subject{Types: p.Types, NoType: p.Untyped, NoProject: p.Nobodys, At: at}
	for _, name := range p.Names {
		s.Projects = append(s.Projects, engram.ProjectKey(name))
	}
	for _, id := range p.Open {
		if name := sessionProject(id); name != "" {
			s.Projects = append(s.Projects, engram.ProjectKey(name))
		} else {
			open, s.NoProject = true, true
		}
	}
	return s, open
}

// TellsTypes says that no row has a type that Types lacks, but for those that tell none, as deletions do.
func (p Projects) TellsTypes() bool {
	read := !p.Untyped || len(p.Names)+len(p.Open)+len(p.Types) > 0 // else it is Unknown, or nearly
	return read && len(p.Types) < maxTypes
}

// Unknown is what there is to say of rows that cannot be read, or were not: they are nobody's, and may be anything.
func Unknown() Projects { return Projects{Nobodys: true, Untyped: true} }

// Read reads whose the rows of a chunk are, and of which types, as a stream.
func Read(r io.Reader) (Projects, error) {
	reader := projectReader{
		names: map[string]bool{}, sessions: map[string]string{}, changed: map[string]string{}, open: map[string]bool{}, types: map[string]bool{},
	}
	err := rowstream.ReadMembers(r, map[string]rowstream.MemberReader{
		"sessions": rowstream.Rows(reader.session),
		"observations": rowstream.Rows(func(row typedRow) {
			kind, _ := row.Type.(string)
			reader.row(engram.Text(row.Project), row.SessionID, kind)
		}),
		"prompts":   rowstream.Rows(func(row ownedRow) { reader.row(engram.Text(row.Project), row.SessionID, "prompt") }),
		"mutations": rowstream.Rows(reader.mutation),
	})
	return reader.finish(), err
}

// ownedRow has the members that say whose a row is.
type ownedRow struct {
	Project   *string `json:"project"`
	SessionID string  `json:"session_id"`
}

// typedRow is one of a memory. What is no text is no type, and whose the row is can be read all the same.
type typedRow struct {
	ownedRow

	Type any `json:"type"`
}

// projectReader reads one chunk. Only at its end all sessions are known.
type projectReader struct {
	names    map[string]bool
	sessions map[string]string
	changed  map[string]string // by mutations, which engram applies behind the rows. Source: engram-2.md 2.3.
	open     map[string]bool   // sessions of rows that name no project
	nobodys  bool
	types    map[string]bool
}

func (r *projectReader) session(s struct {
	ID      string  `json:"id"`
	Project *string `json:"project"`
}) {
	r.types["session"] = true
	r.bring(r.sessions, s.ID, engram.Text(s.Project))
}

func (r *projectReader) bring(to map[string]string, id, project string) {
	if project = engram.NormalizeProject(project); project == "" {
		r.nobodys = true
		return
	}
	r.names[project] = true
	if len(to) < maxProjectSessions {
		to[id] = project
	}
}

func (r *projectReader) row(project, session, kind string) {
	r.types[selection.Type(kind)] = true
	if project = engram.NormalizeProject(project); project != "" {
		r.names[project] = true
	} else if session != "" {
		r.open[session] = true
	} else {
		r.nobodys = true
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
		r.types["session"] = true
		r.bring(r.changed, e.EntityKey, scope.Project)
		return
	}
	r.row(scope.Project, scope.Session, selection.MutationType(e))
}

func (r *projectReader) finish() Projects {
	maps.Copy(r.sessions, r.changed)
	p := Projects{Sessions: r.sessions}
	for _, id := range slices.Sorted(maps.Keys(r.open)) {
		if _, brought := r.sessions[id]; !brought && len(p.Open) < maxProjectSessions {
			p.Open = append(p.Open, id)
		}
	}
	p.Nobodys = r.nobodys || len(r.names) > maxProjectNames
	p.Untyped = r.types[""] || len(r.types) > maxTypes
	delete(r.types, "")
	p.Types = slices.Sorted(maps.Keys(r.types))
	p.Types = p.Types[:min(len(p.Types), maxTypes)]
	p.Names = slices.Sorted(maps.Keys(r.names))
	p.Names = p.Names[:min(len(p.Names), maxProjectNames)]
	return p
}
