package projection

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// mend gives the rows what a server demands and they lack.
func (s *selection) mend(g engram.Generation) {
	for _, list := range lists {
		for _, r := range s.rows[list] {
			for _, f := range r.mend(g, s.id) {
				s.filled = append(s.filled, engram.RowNote{List: list, Index: r.index, Field: f.Field, Reason: f.String()})
			}
		}
	}
}

func (r *row) mend(g engram.Generation, chunk engram.ChunkID) []mend.Fill {
	var fills []mend.Fill
	if r.list == listMutations {
		fills = r.mendPayload(g)
	} else {
		r.text, fills = mend.Row(g, mend.Place{Chunk: chunk, List: r.list, Index: r.index}, r.text)
	}
	for _, f := range fills {
		r.filled = append(r.filled, f.Field)
	}
	return fills
}

// mendPayload mends what an upsert carries.
func (r *row) mendPayload(g engram.Generation) []mend.Fill {
	var m mutation
	if json.Unmarshal(r.text, &m) != nil || !m.isUpsert() {
		return nil
	}
	payload, fills := mend.Payload(g, m.Entity, m.Key, m.payload())
	if len(fills) > 0 {
		r.set("payload", string(payload))
		r.readMutation()
	}
	return fills
}

// orphansOf are the sessions that rows of a chunk need and the chunk does not
// bring. Rows that the server would refuse in any case need none.
func (o Options) orphansOf(doc document, brings map[string]Session) map[string]string {
	s := selection{document: document{id: doc.id, rows: map[string][]*row{}}}
	for r := range doc.of(lists...) {
		project := engram.NormalizeProject(r.project)
		if id := key(r.session); id != "" && !brings[id].Good && (project == "" || o.owns(project)) && (o.IncludePersonal || !engram.IsPersonal(r.scope)) {
			s.rows[r.list] = append(s.rows[r.list], r.clone())
		}
	}
	s.mend(o.Generation)
	s.sessions = &outlook{sessions: allGood(s.document)}
	if err := o.prune(&s); err != nil {
		return nil // what is wrong is told when the chunk is made
	}
	oldest := map[string]string{}
	for r := range s.of(lists...) {
		if id := key(r.session); r.list != listMutations || r.isUpsert() {
			oldest[id] = earlier(oldest[id], r.created)
		}
	}
	return oldest
}

func (r *row) isUpsert() bool {
	var m mutation
	return json.Unmarshal(r.text, &m) == nil && m.isUpsert()
}

// allGood has every session that rows belong to.
func allGood(doc document) map[string]Session {
	sessions := map[string]Session{}
	for r := range doc.of(lists...) {
		sessions[key(r.session)] = Session{Good: true}
	}
	return sessions
}

// earlier is the time that comes first, of those that are one.
func earlier(a, b string) string {
	at, bt := rowtime.Parse(a), rowtime.Parse(b)
	switch {
	case bt.IsZero():
		return a
	case at.IsZero(), cmp.Or(bt.Compare(at), cmp.Compare(b, a)) < 0:
		return b
	}
	return a
}

// addStubs adds the sessions that rows of ours need and no chunk brings, each to
// the first chunk, by its id, that has such rows. It gives them by chunk, with the
// time from which they are.
func (o Options) addStubs(sessions map[string]Session, known map[engram.ChunkID]facts) map[engram.ChunkID]map[string]string {
	stubs := map[engram.ChunkID]map[string]string{}
	for _, id := range slices.SortedFunc(maps.Keys(known), engram.ChunkID.Compare) {
		for name, from := range known[id].Orphans {
			s := sessions[name]
			if s.Good || !s.Needed && s.Project != "" && !o.owns(s.Project) {
				continue
			}
			s.Good = true
			sessions[name] = s
			if stubs[id] == nil {
				stubs[id] = map[string]string{}
			}
			stubs[id][name] = from
		}
	}
	return stubs
}

// stubs are the rows of sessions that are added: a part of its own, which stays
// the same when the chunk is sent in another form.
func (o Options) stubs(sessions map[string]string) selection {
	s := selection{document: document{rows: map[string][]*row{}}}
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		text, _ := json.Marshal(mend.Stub(id, o.Project, sessions[id])) // plain data
		s.rows[listSessions] = append(s.rows[listSessions], newRow(listSessions, -1, text, words{}))
		s.filled = append(s.filled, engram.RowNote{List: listSessions, Index: -1, Reason: fmt.Sprintf("got %.60q, which rows name and nobody has", id)})
	}
	return s
}
