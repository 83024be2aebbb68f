package projection

import (
	"cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// outlook is what is known of sessions: what all chunks say together, or those that were read
// so far. Then it notices each question to which a later chunk may give another answer.
type outlook struct {
	sessions map[string]Session
	open     bool // more chunks will be read
	unsure   bool // a question was asked to which the answer is not final
}

// doubt remembers that an answer may not be final, if it is not certain.
func (o *outlook) doubt(certain bool) { o.unsure = o.unsure || o.open && !certain }

// projectOf is the project of a row: its own, or that of its session. Any chunk may say
// whose a session is.
func (o *outlook) projectOf(r *row) string {
	if own := engram.NormalizeProject(r.project); own != "" {
		return own
	}
	id := key(cmp.Or(r.session, r.id))
	o.doubt(id == "")
	return o.sessions[id].Project
}

// needs says whether rows of our project belong to a session. What needs it goes on to.
func (o *outlook) needs(id string) bool {
	s := o.sessions[id]
	o.doubt(s.Needed)
	return s.Needed
}

// has says whether a server has a session of our project, or gets it from a chunk of the
// directory. One that is good and needed stays so, whatever else is said of it.
func (o *outlook) has(opts Options, id string) bool {
	s := o.sessions[id]
	o.doubt(s.Good && s.Needed)
	return s.Good && (s.Needed || s.Project == "" || opts.owns(s.Project))
}

// names says whether any chunk speaks of a session.
func (o *outlook) names(id string) bool {
	_, ok := o.sessions[id]
	o.doubt(ok)
	return ok
}
