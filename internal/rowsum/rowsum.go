// Package rowsum tells whether two mutations say the same, in whatever way each of them is
// written. Whoever compares what was sent with what a server has calls it.
package rowsum

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// Of tells whether two mutations say the same: it is equal for what
// was sent and for what a server gives back, which may have gone through a
// database that keeps JSON as values. The order of members, white space and how
// text is escaped do not count, of members with one name the last counts,
// numbers are compared as exact decimals, a string that holds an object is that
// object, and no payload is null. Project does not count. What is no JSON at
// all is compared by its bytes. It is remembered between runs, so the sum of a mutation
// stays what it is. Source: account-server.md 4.1, 9.11.
func Of(e engram.MutationEntry) [sha256.Size]byte {
	s := summers.Get().(*summer)
	s.out = s.out[:0]
	s.word(e.Entity)
	s.word(e.EntityKey)
	s.word(e.Op)
	s.payload(e.Payload)
	sum := sha256.Sum256(s.out)
	if cap(s.out) <= maxKept && cap(s.tree.nodes) <= maxKept/64 {
		summers.Put(s)
	}
	return sum
}

// A journal has millions of rows: what it takes to add one up is used again, unless a
// row was unusually large.
var summers = sync.Pool{New: func() any { return new(summer) }}

const maxKept = 1 << 20 // bytes

// summer writes values so that no two different ones are written alike: each
// begins with what it is, and says how long it is.
type summer struct {
	out   []byte
	tree  tree
	inner []byte // what a string holds
	order []int  // the members of the objects at hand
}

func (s *summer) tag(kind byte, size int) {
	s.out = binary.BigEndian.AppendUint64(append(s.out, kind), uint64(size))
}

func (s *summer) word(text string) {
	s.tag('"', len(text))
	s.out = append(s.out, text...)
}

func (s *summer) text(text []byte) {
	s.tag('"', len(text))
	s.out = append(s.out, text...)
}

func (s *summer) payload(text []byte) {
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		s.tag('n', 0)
	case !s.tree.read(text):
		s.tag('?', len(text))
		s.out = append(s.out, text...)
	case s.tree.nodes[0].kind == jsonscan.String:
		s.wrapped()
	default:
		s.value(0)
	}
}

// wrapped is for a payload that is a string: of one that holds an object, the object.
func (s *summer) wrapped() {
	s.inner, _ = jsonscan.AppendText(s.inner[:0], s.tree.inner(0))
	object := bytes.TrimLeft(s.inner, " \t\r\n")
	if len(object) > 0 && object[0] == '{' && s.tree.read(object) {
		s.value(0)
	} else {
		s.text(s.inner)
	}
}

func (s *summer) value(i int) {
	switch n := s.tree.nodes[i]; n.kind {
	case jsonscan.Object:
		s.object(i)
	case jsonscan.Array:
		s.array(i)
	case jsonscan.String:
		s.str(s.tree.inner(i))
	case jsonscan.Number:
		number := decimal(string(s.tree.text[n.from:n.end]))
		s.tag('0', len(number))
		s.out = append(s.out, number...)
	default: // true, false and null are told by what they begin with
		s.tag(byte(n.kind), 0)
	}
}

// object writes the members by their names, the last one of each name.
func (s *summer) object(i int) {
	from := len(s.order)
	for c := range s.tree.children(i) {
		s.order = append(s.order, c)
	}
	s.order = s.tree.byName(s.order, from)
	members := s.order[from:]
	s.tag('{', len(members))
	for _, c := range members {
		s.text(s.tree.nodes[c].name)
		s.value(c)
	}
	s.order = s.order[:from]
}

func (s *summer) array(i int) {
	n := 0
	for range s.tree.children(i) {
		n++
	}
	s.tag('[', n)
	for c := range s.tree.children(i) {
		s.value(c)
	}
}

// str writes a string that is given as it is written, without its quotes.
func (s *summer) str(inner []byte) {
	if jsonscan.IsPlain(inner) {
		s.text(inner)
		return
	}
	s.tag('"', 0)
	at := len(s.out)
	s.out, _ = jsonscan.AppendText(s.out, inner) // its escapes are whole: it was scanned
	binary.BigEndian.PutUint64(s.out[at-8:], uint64(len(s.out)-at))
}
