package projection

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// selection is what is sent of a chunk, before it is split.
type selection struct {
	document
	leftOut, filled []engram.RowNote
	personal        int
	unjudged        int            // relations
	foreign         map[string]int // by their projects
	sessions        *outlook
	there           *recognition.RowSet // what the server has in another form; nil if nobody asked
}

// choose keeps the rows of the project, and the sessions that they need.
// sessions are those of the whole directory. Personal rows stay here unless asked
// for: whoever has the server's token reads all of it. Source: project-server.md
// 3.3, 3.4, T17.
func (o Options) choose(doc document, sessions *outlook, there *recognition.RowSet) (selection, error) {
	s := selection{document: document{id: doc.id, members: doc.members, rows: map[string][]*row{}}, sessions: sessions, there: there}
	s.dropMiscasedLists()
	for list, rows := range doc.rows {
		s.rows[list] = make([]*row, 0, len(rows))
		for _, r := range rows {
			if o.wants(&s, r) {
				s.rows[list] = append(s.rows[list], r)
			}
		}
	}
	if !o.Strict {
		s.mend(o.Generation)
	}
	o.reassignSessions(&s)
	return s, o.prune(&s)
}

// reassignSessions puts sessions of other projects, which rows of ours need, into ours. The
// server does so by itself, but not where the chunk has mutations and the rows
// are in another one. Source: project-server.md 3.3, 13 (A6).
func (o Options) reassignSessions(s *selection) {
	if _, ok := s.rows[listMutations]; !ok {
		return
	}
	for _, r := range s.rows[listSessions] {
		if project := engram.NormalizeProject(r.project); project != "" && !o.owns(project) {
			r.set("project", o.Project)
		}
	}
}

// dropMiscasedLists leaves out lists under a name that differs in case only: servers
// take such rows for rows too, but never force them into the project.
// Source: project-server.md 13 (A11).
func (s *selection) dropMiscasedLists() {
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		if list := jsonscan.Alike(name, lists); list != "" {
			s.note(name, -1, s.members[name], canon.RowError{Reason: canon.Reason("is an odd spelling of " + list)})
			s.drop(name)
		}
	}
}

// drop takes a member away that is no list of rows.
func (s *selection) drop(name string) {
	s.members = maps.Clone(s.members) // they are the document's
	delete(s.members, name)
}

// wants counts the rows that stay here. A row for which nobody names a project
// belongs to the directory's.
func (o Options) wants(s *selection, r *row) bool {
	project := s.sessions.projectOf(r)
	switch {
	case project != "" && !o.owns(project) && (r.gives == "" || !s.sessions.needs(r.gives)):
		s.foreign = counted(s.foreign, project)
		return false
	case engram.IsPersonal(r.scope) && !o.IncludePersonal:
		if !s.isThere(r, o) {
			s.personal++
		}
		return false
	}
	return true
}

// owns says whether a project is ours, however Unicode spells it.
func (o Options) owns(project string) bool {
	return engram.ProjectKey(project) == engram.ProjectKey(o.Project)
}

func counted(counts map[string]int, name string) map[string]int {
	if counts == nil {
		counts = map[string]int{}
	}
	counts[name]++
	return counts
}

// claims says whether a row is of our project and needs its session there, by
// what it says itself.
func (o Options) claims(r *row) bool {
	return o.owns(r.project) && (o.IncludePersonal || !engram.IsPersonal(r.scope))
}

// prune leaves out the rows that the server would refuse, and those that need
// them.
func (o Options) prune(s *selection) error {
	known := func(id string) bool {
		return s.sessions.has(o, key(id)) || s.there != nil && s.there.HasSession(key(id))
	}
	for {
		problems := o.form().ValidateDocument(s.source(), o.Project, known)
		if len(problems) == 0 {
			return nil
		}
		bad, members := map[string]map[int]bool{}, len(s.members)
		for _, p := range problems {
			s.leaveOut(o, bad, p)
		}
		if len(bad) == 0 && len(s.members) == members {
			return &problems[0] // of nothing that could be left out
		}
		s.leaveOutTwins(o, bad)
		for list, indexes := range bad {
			rest := make([]*row, 0, len(s.rows[list]))
			for i, r := range s.rows[list] {
				if !indexes[i] {
					rest = append(rest, r)
				}
			}
			s.rows[list] = rest
		}
	}
}

// leaveOut notes a bad row once, by the index that it has in the chunk. A member
// that is no list of rows goes as a whole.
func (s *selection) leaveOut(o Options, bad map[string]map[int]bool, p canon.RowError) {
	rows, ours := s.rows[p.List]
	switch {
	case !ours || p.Index < 0 || p.Index >= len(rows):
		if text, there := s.members[p.List]; there { // else it went with an earlier row of it
			s.note(p.List, p.Index, text, p)
			s.drop(p.List)
		}
	case !bad[p.List][p.Index]:
		if bad[p.List] == nil {
			bad[p.List] = map[int]bool{}
		}
		bad[p.List][p.Index] = true
		r := rows[p.Index]
		if s.isThere(r, o) {
			return
		}
		if p.Unjudged(r.judged) {
			s.unjudged++
			return
		}
		if p.Reason == canon.UnknownSession && s.sessions.names(key(r.session)) {
			p.Reason = engram.DependsOnLeftOut
		}
		s.note(p.List, r.index, r.raw, p)
		// What stays here was not mended.
		s.filled = slices.DeleteFunc(s.filled, func(n engram.RowNote) bool { return n.List == p.List && n.Index == r.index })
	}
}

// note says what is wrong with a row, or with a member. text is as the chunk has
// it: with the place, it tells the row from every other.
func (s *selection) note(list string, index int, text []byte, p canon.RowError) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %q %d %s", s.id, list, index, text)
	s.leftOut = append(s.leftOut, engram.RowNote{
		List: list, Index: index, Field: p.Field, Reason: string(p.Reason), Row: hex.EncodeToString(sum.Sum(nil)[:8]),
	})
}

// leaveOutTwins leaves out the mutations that bring a session whose row stays
// here: they reach no journal, where the memories of the session would be without
// it. Source: project-server.md 14.
func (s *selection) leaveOutTwins(o Options, bad map[string]map[int]bool) {
	refused := s.refusedSessions(bad[listSessions])
	for i, r := range s.rows[listMutations] {
		if refused[r.gives] {
			s.leaveOut(o, bad, canon.RowError{List: listMutations, Index: i, Reason: "brings a session whose row is left out"})
		}
	}
}

// refusedSessions are those of which only bad rows bring them.
func (d document) refusedSessions(bad map[int]bool) map[string]bool {
	refused := map[string]bool{}
	for i, r := range d.rows[listSessions] {
		if bad[i] && r.gives != "" {
			refused[r.gives] = true
		}
	}
	for i, r := range d.rows[listSessions] {
		if !bad[i] {
			delete(refused, r.gives)
		}
	}
	return refused
}

// set gives a member of the row another value. A row that is no object stays as it is.
func (r *row) set(field, value string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.text, &members) != nil || members == nil {
		return
	}
	members[field], _ = json.Marshal(value) // a string
	if text, err := json.Marshal(members); err == nil {
		r.text = text
	}
}
