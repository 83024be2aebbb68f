// Package canon gives a chunk the form in which project servers store it, and by
// whose hash they name it. Whoever speaks of chunks with such a server may use
// it: it is pure, without state, clock or anything but its arguments.
//
// Such a server doesn't keep a chunk's bytes: it forces the rows into one project
// and encodes the document anew. Source: project-server.md 3.1 to 3.5, as
// corrected by its section 13 (A1 to A17).
package canon

// Version belongs to every id that is remembered: it changes when these
// functions give another form, and what was remembered under an older one is void.
const Version = 1

// Canonical gives the bytes by whose hash a server names the chunk with this
// data in this project (which it normalises, as the server does). The error is
// a *RowError if one row has no canonical form, and the server would refuse
// the chunk for it; that the others are accepted is for Validate to say. Memory:
// about a copy of data beside the result, and one row in pieces.
//
// "null" is a document too, if only by the server's mistake (3.1).
func Canonical(data []byte, project string) ([]byte, error) {
	return build(data, newWriter(project))
}

// ForPush is Canonical, but with 0 for every -0. A server can't keep a -0: its
// database gives back a 0, so that the chunk never hashes to its id again, and
// answers 409 when it is pushed twice (A8). What is sent in this form has the
// same id from then on: Canonical(ForPush(x)) is ForPush(x).
func ForPush(data []byte, project string) ([]byte, error) {
	w := newWriter(project)
	w.forPush, w.enc.plainZero = true, true
	return build(data, w)
}

// Encode gives a pulled body the form that hashes to its id. It parses and
// encodes, and changes nothing else: the server already forced the rows when it
// stored them, and doing so again could change some ids (A7).
func Encode(body []byte) ([]byte, error) {
	w := newWriter("")
	w.asIs = true
	return build(body, w)
}

func build(data []byte, w *writer) ([]byte, error) {
	members, err := parse(data)
	if err != nil {
		return nil, err
	}
	w.enc.out = make([]byte, 0, len(data)+len(data)/8)
	w.document(members)
	if len(w.problems) > 0 {
		return nil, &w.problems[0]
	}
	return w.enc.out, nil
}
