package readers

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// What is kept of a chunk is good for the release that wrote it: another one may see more in
// the same bytes.

// AppendTo appends all that readers see in a chunk, for RecallChunk in a later run. The
// chunk was read to its end, and hashed with a key that is kept as well.
func (c *Chunk) AppendTo(b []byte) []byte {
	for _, n := range []int{c.Sessions, c.Memories, c.Prompts, int(c.Generation), c.Newest.Nanosecond()} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendVarint(b, c.Newest.Unix())
	b = append(b, asByte(c.Timed))
	b = binary.LittleEndian.AppendUint64(b, c.First)
	b = binary.AppendUvarint(b, uint64(len(c.Blank)))
	for _, n := range c.Blank {
		b = append(b, byte(slices.Index(Lists, n.List)), byte(slices.Index(demanded[n.List], n.Field)))
		b = binary.AppendUvarint(b, uint64(n.Index))
	}
	b = binary.AppendUvarint(b, uint64(len(c.ops)))
	before := op{}
	for i := range c.ops {
		b = c.ops[i].appendTo(b, &before)
		before = c.ops[i]
	}
	return b
}

func asByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// flags are the properties of a change, but for those that settle finds.
func (o *op) flags() [11]*bool {
	return [...]*bool{
		&o.deletes, &o.hard, &o.alive, &o.otherKey, &o.owned, &o.blankDir, &o.noReview, &o.nameless, &o.foreign, &o.at.whole, &o.at.ok,
	}
}

// hashes are those of a change, each beside the one that it mostly is.
func (o *op) hashes(before *op) [6][2]*hash {
	return [6][2]*hash{
		{&o.key, &before.key},
		{&o.named, &o.key},
		{&o.session, &before.session},
		{&o.target, &before.target},
		{&o.project, &before.project},
		{&o.content, &before.content},
	}
}

func (o *op) appendTo(b []byte, before *op) []byte {
	var flags uint16
	for i, f := range o.flags() {
		flags |= uint16(asByte(*f)) << i
	}
	b = binary.LittleEndian.AppendUint16(append(b, o.list, byte(o.entity), byte(o.refused), byte(o.stalled)), flags)
	b = binary.AppendUvarint(b, uint64(o.index))
	b = binary.AppendVarint(b, o.at.sec-before.at.sec)
	b = binary.AppendUvarint(b, uint64(o.at.nano))
	others, at := byte(0), len(b)
	b = append(b, 0)
	for i, h := range o.hashes(before) {
		if *h[0] != *h[1] {
			others |= 1 << i
			b = binary.LittleEndian.AppendUint64(b, uint64(*h[0]))
		}
	}
	b[at] = others
	return b
}

var errNotKept = errors.New("it is not what was kept of a chunk")

// RecallChunk is the chunk of which AppendTo wrote b.
func RecallChunk(b []byte, key Key) (*Chunk, error) {
	in := kept{text: b}
	c := &Chunk{key: key}
	c.Sessions, c.Memories, c.Prompts = in.number(), in.number(), in.number()
	c.Generation = engram.Generation(in.number())
	nano := in.number()
	c.Newest = time.Unix(in.signed(), int64(nano)).UTC()
	c.Timed = in.byte() != 0
	c.First = in.word()
	for range in.count() {
		list, field := in.place(Lists), in.byte()
		if in.bad || int(field) >= len(demanded[list]) {
			return nil, errNotKept
		}
		c.Blank = append(c.Blank, engram.RowNote{List: list, Field: demanded[list][field], Index: in.number(), Reason: engram.Required})
	}
	c.ops = make([]op, in.count())
	before := &op{}
	for i := range c.ops {
		in.op(&c.ops[i], before)
		before = &c.ops[i]
	}
	if in.bad || len(in.text) > 0 {
		return nil, errNotKept
	}
	return c, nil
}

// kept is what is left to be read of what was kept. Once it is bad, it gives zeros.
type kept struct {
	text []byte
	bad  bool
}

func (k *kept) take(n int) []byte {
	if k.bad || n > len(k.text) {
		k.bad = true
		return make([]byte, n)
	}
	taken := k.text[:n]
	k.text = k.text[n:]
	return taken
}

func (k *kept) byte() byte { return k.take(1)[0] }

func (k *kept) word() uint64 { return binary.LittleEndian.Uint64(k.take(8)) }

func (k *kept) signed() int64 {
	v, n := binary.Varint(k.text)
	k.take(max(0, n))
	k.bad = k.bad || n <= 0
	return v
}

func (k *kept) number() int {
	v, n := binary.Uvarint(k.text)
	k.take(max(0, n))
	k.bad = k.bad || n <= 0 || v > 1<<31
	if k.bad {
		return 0
	}
	return int(v)
}

// count is the number of things that follow, each of a byte at least.
func (k *kept) count() int {
	n := k.number()
	k.bad = k.bad || n > len(k.text)
	if k.bad {
		return 0
	}
	return n
}

// place is the one of a list that a byte stands for.
func (k *kept) place(list []string) string {
	at := int(k.byte())
	if at >= len(list) {
		k.bad = true
		return ""
	}
	return list[at]
}

func (k *kept) op(o, before *op) {
	head := k.take(6)
	o.list, o.entity, o.refused, o.stalled = head[0], entity(head[1]), faultNo(head[2]), faultNo(head[3])
	k.bad = k.bad || o.entity > other || int(o.list) >= len(Lists) || int(o.refused) >= len(faults) || int(o.stalled) >= len(faults)
	flags := binary.LittleEndian.Uint16(head[4:])
	for i, f := range o.flags() {
		*f = flags>>i&1 != 0
	}
	o.index = int32(k.number())
	o.at.sec = before.at.sec + k.signed()
	o.at.nano = int32(k.number())
	others := k.byte()
	for i, h := range o.hashes(before) {
		if *h[0] = *h[1]; others>>i&1 != 0 {
			*h[0] = hash(k.word())
		}
	}
}
