package readers

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// FactsVersion changes with what AppendFacts writes, and with what Add makes of a row.
const FactsVersion = 1

// factBytes is what one op takes.
const factBytes = 9 * 8

// AppendFacts writes all that readers know of a chunk, for ParseFacts with the same Key.
// It is not ok for a chunk with anything odd in it, about which there may be something to say.
func (c *Chunk) AppendFacts(out []byte) (_ []byte, ok bool) {
	if c.err != nil || c.odd > 0 || len(c.Blank) > 0 || c.Untimed() {
		return out, false
	}
	for _, n := range []int64{int64(c.Sessions), int64(c.Memories), int64(c.Prompts), c.Newest.Unix(), int64(c.Newest.Nanosecond()), int64(c.Generation)} {
		out = binary.AppendVarint(out, n)
	}
	out = append(out, byte(asBits(c.settled, c.Timed)))
	for _, o := range c.ops {
		if o.refused != nil || o.stalled != nil {
			return out, false
		}
		flags := asBits(o.deletes, o.hard, o.alive, o.otherKey, o.owned, o.blankDir, o.noReview, o.nameless, o.lone, o.overruled, o.foreign, o.at.whole, o.at.ok)
		for _, word := range []uint64{
			uint64(o.list) | uint64(o.entity)<<8 | flags<<16 | uint64(uint32(o.index))<<32,
			uint64(o.at.sec), uint64(uint32(o.at.nano)),
			uint64(o.key), uint64(o.named), uint64(o.session), uint64(o.target), uint64(o.project), uint64(o.content),
		} {
			out = binary.LittleEndian.AppendUint64(out, word)
		}
	}
	return out, true
}

func asBits(flags ...bool) (n uint64) {
	for i, flag := range flags {
		if flag {
			n |= 1 << i
		}
	}
	return n
}

// set is what asBits was made of.
func set(n uint64, flags ...*bool) {
	for i, flag := range flags {
		*flag = n&(1<<i) != 0
	}
}

// ParseFacts reads what AppendFacts wrote.
func ParseFacts(key Key, in []byte) (*Chunk, error) {
	var n [6]int64
	for i := range n {
		value, used := binary.Varint(in)
		if used <= 0 {
			return nil, errFacts
		}
		n[i], in = value, in[used:]
	}
	if len(in) == 0 || (len(in)-1)%factBytes != 0 {
		return nil, errFacts
	}
	c := &Chunk{Key: key, Contents: engram.Contents{
		Sessions: int(n[0]), Memories: int(n[1]), Prompts: int(n[2]), Newest: time.Unix(n[3], n[4]).UTC(), Generation: engram.Generation(n[5]),
	}}
	set(uint64(in[0]), &c.settled, &c.Timed)
	in = in[1:]
	c.ops = make([]op, len(in)/factBytes)
	for i := range c.ops {
		var w [factBytes / 8]uint64
		for j := range w {
			w[j], in = binary.LittleEndian.Uint64(in), in[8:]
		}
		o := &c.ops[i]
		o.list, o.entity, o.index = byte(w[0]), entity(w[0]>>8), int32(w[0]>>32)
		o.at.sec, o.at.nano = int64(w[1]), int32(w[2])
		o.key, o.named, o.session, o.target, o.project, o.content = hash(w[3]), hash(w[4]), hash(w[5]), hash(w[6]), hash(w[7]), hash(w[8])
		set(w[0]>>16&0xffff, &o.deletes, &o.hard, &o.alive, &o.otherKey, &o.owned, &o.blankDir, &o.noReview, &o.nameless, &o.lone, &o.overruled, &o.foreign, &o.at.whole, &o.at.ok)
		if int(o.list) >= len(Lists) || o.entity >= other {
			return nil, errFacts
		}
	}
	return c, nil
}

var errFacts = errors.New("not the facts of a chunk")
