package rowsum

import (
	"bytes"
	"cmp"
	"iter"
	"slices"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// tree is the values of a JSON text, in the order in which they begin.
type tree struct {
	text  []byte
	nodes []node
	open  []int // those that have begun and not ended
}

// node is a value.
type node struct {
	kind      jsonscan.Kind
	name      []byte // of a member, decoded
	from, end int    // where it stands
	next      int    // the first node that is not in it
}

// read takes a text apart, and says whether it is one JSON value.
func (t *tree) read(text []byte) bool {
	t.text, t.nodes, t.open = text, t.nodes[:0], t.open[:0]
	var name []byte
	scan := jsonscan.New(jsonscan.MaxDepth)
	for at := 0; at < len(text); {
		n, event, err := scan.Next(text[at:])
		if err != nil {
			return false
		}
		switch event {
		case jsonscan.Key:
			name = nameIn(text[at : at+n])
		case jsonscan.Begin:
			t.open = append(t.open, len(t.nodes))
			t.nodes, name = append(t.nodes, node{kind: scan.Kind(), name: name, from: at + n}), nil
		case jsonscan.End:
			t.end(at + n)
		}
		at += n
	}
	if scan.Close() != nil {
		return false
	}
	if len(t.open) > 0 { // a number, which only the end of the text ends
		t.end(len(text))
	}
	return true
}

func (t *tree) end(at int) {
	last := len(t.open) - 1
	n := &t.nodes[t.open[last]]
	n.end, n.next = at, len(t.nodes)
	t.open = t.open[:last]
}

// nameIn is the member name that text ends with, behind nothing but a brace or a comma.
func nameIn(text []byte) []byte {
	inner := text[bytes.IndexByte(text, '"')+1 : len(text)-1]
	if jsonscan.IsPlain(inner) {
		return inner
	}
	name, _ := jsonscan.AppendText(nil, inner) // its escapes are whole: it was scanned
	return name
}

// inner is what stands between the quotes of a string.
func (t *tree) inner(i int) []byte { return t.text[t.nodes[i].from+1 : t.nodes[i].end-1] }

// children are the members or elements of a value.
func (t *tree) children(i int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for c := i + 1; c < t.nodes[i].next; c = t.nodes[c].next {
			if !yield(c) {
				return
			}
		}
	}
}

// byName puts the members from a place on in the order of their names, the last one of each.
func (t *tree) byName(members []int, from int) []int {
	rest := members[from:]
	slices.SortFunc(rest, func(a, b int) int {
		return cmp.Or(bytes.Compare(t.nodes[a].name, t.nodes[b].name), cmp.Compare(b, a))
	})
	rest = slices.CompactFunc(rest, func(a, b int) bool { return bytes.Equal(t.nodes[a].name, t.nodes[b].name) })
	return members[:from+len(rest)]
}
