package projection

import (
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// facts are what other chunks need to know of one: it is all that has to be
// read of a chunk that has not changed.
type facts struct {
	// Sessions are those that the chunk brings, mended as the options say.
	Sessions map[string]Session `json:"sessions,omitempty"`
	// References are the sessions that its rows belong to.
	References []string `json:"references,omitempty"`
	// Claims are those that rows of our project need.
	Claims []string `json:"claims,omitempty"`
	// Orphans are the sessions that the chunk does not bring, and its rows need
	// which are ours or nobody's: with the time of the oldest of these rows.
	Orphans map[string]string `json:"orphans,omitempty"`
}

// factsOf says what a chunk brings and what it refers to.
func (o Options) factsOf(doc document) facts {
	f := facts{Sessions: o.sessionsOf(doc)}
	if !o.Strict {
		f.Orphans = o.orphansOf(doc, f.Sessions)
	}
	for _, list := range []string{listObservations, listPrompts, listMutations} {
		for _, r := range doc.rows[list] {
			id := key(r.session)
			if id == "" {
				continue
			}
			f.References = append(f.References, id)
			if o.claims(r) {
				f.Claims = append(f.Claims, id)
			}
		}
	}
	f.References, f.Claims = unique(f.References), unique(f.Claims)
	return f
}

// sessionsOf are the sessions that a chunk brings, as rows or as mutations.
func (o Options) sessionsOf(doc document) map[string]Session {
	s := selection{document: document{id: doc.id, rows: map[string][]row{}}}
	for _, list := range []string{listSessions, listMutations} {
		for _, r := range doc.rows[list] {
			if r.gives != "" {
				s.rows[list] = append(s.rows[list], r)
			}
		}
	}
	if !o.Strict {
		s.mend()
	}
	problems, err := canon.Validate(s.assemble(s.rows), o.Project, func(string) bool { return true })
	refused := map[string]map[int]bool{listSessions: {}, listMutations: {}}
	for _, p := range problems {
		refused[p.List][p.Index] = true // of no other lists
	}
	sessions := map[string]Session{}
	twins := s.refusedSessions(refused[listSessions])
	for _, list := range []string{listSessions, listMutations} {
		for i, r := range s.rows[list] {
			said := Session{Project: engram.NormalizeProject(r.project), Good: err == nil && !refused[list][i] && !twins[r.gives]}
			sessions[r.gives] = sessions[r.gives].merge(said)
		}
	}
	return sessions
}

// merge adds what another row says of the session. A good row wins over a bad
// one, and then the project that comes first in the alphabet, wherever the rows lie.
func (s Session) merge(other Session) Session {
	switch {
	case s.Project == "", other.Good && !s.Good && other.Project != "":
		s.Project = other.Project
	case other.Project != "" && other.Good == s.Good:
		s.Project = min(s.Project, other.Project)
	}
	s.Good, s.Needed = s.Good || other.Good, s.Needed || other.Needed
	return s
}

// mergeSessions takes what all chunks say together, in an order that is the same
// on every machine.
func mergeSessions(known map[engram.ChunkID]facts) map[string]Session {
	sessions := map[string]Session{}
	ids := slices.SortedFunc(maps.Keys(known), engram.ChunkID.Compare)
	for _, id := range ids {
		f := known[id]
		for name, s := range f.Sessions {
			sessions[name] = sessions[name].merge(s)
		}
		for _, name := range f.Claims {
			sessions[name] = sessions[name].merge(Session{Needed: true})
		}
	}
	return sessions
}
