package readers

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowstream"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// Chunk is what readers see in a chunk.
type Chunk struct {
	engram.Contents
	// Blank are rows that lack what project servers demand of them, at most maxAlike of
	// each member.
	Blank []engram.RowNote
	// First stands for what an old client leaves of the first memory, which is an
	// observation, or a prompt where there is none: a restored chunk has the same one as
	// its true one. 0 where there is no memory.
	First uint64

	key     Key
	project struct { // of the row before, which most have in common
		text []byte
		hash hash
	}
	time struct { // the one that was read last
		text string
		read time.Time
	}
	ops     []op
	blanks  map[[2]string]int
	odd     int // rows without a name, and changes of nobody knows what
	err     error
	settled bool
}

type entity byte

const (
	session entity = iota
	observation
	prompt
	relation
	other
)

var (
	// Lists are those that a Chunk takes rows of.
	Lists    = []string{"sessions", "observations", "prompts", "mutations"}
	entities = map[string]entity{"session": session, "observation": observation, "prompt": prompt, "relation": relation}
	listOf   = []string{"sessions", "observations", "prompts", "relations"}
	// idOf are the members that name a row.
	idOf = []string{"id", "sync_id", "sync_id", "sync_id"}
)

// op is one change that a chunk makes: a row, or a mutation.
type op struct {
	list  byte
	index int32

	entity        entity
	deletes, hard bool
	alive         bool // an upsert that says that it is deleted
	otherKey      bool // entity_key is not that of the payload
	owned         bool
	blankDir      bool
	noReview      bool
	nameless      bool
	lone          bool // nothing in the chunk needs the session
	overruled     bool // a mutation of the same row counts in its place
	foreign       bool // its disposition is neither pending nor none
	key           hash
	named         hash // entity_key
	session       hash // of an observation or a prompt; a relation's source
	target        hash // a relation's, or a prompt's place in the inbox
	project       hash
	content       hash
	at            moment

	// refused and stalled are why, and where, the import or the chunk ends there.
	refused, stalled faultNo
}

// Read reads the JSON of a chunk. Also where there is an error, the chunk holds the
// rows that came before.
func Read(r io.Reader, key Key) (*Chunk, error) {
	c := &Chunk{key: key}
	err := engram.ReadMembers(r, c.add, Lists...)
	return c, cmp.Or(err, c.err)
}

// add takes in a row of a list.
func (c *Chunk) add(row rowstream.Row) {
	o, err := cutRow(row)
	if err != nil {
		c.err = cmp.Or(c.err, fmt.Errorf("%s[%d]: %w", row.List, row.Index, err))
		return
	}
	if row.Index == 0 && (row.List == "observations" || row.List == "prompts" && c.Memories == 0) {
		c.First = uint64(c.hashOf(o.bytes, leftOf[row.List]...))
	}
	c.tell(o)
	c.CountRow(row.List, len(o.bytes("created_at")) > 0)
	for _, member := range timesOf {
		c.Meet(c.timeOf(o.bytes(member)))
	}
	one := op{list: byte(slices.Index(Lists, row.List)), index: int32(row.Index)}
	if field := o.odd(rowTypes[row.List]); field != "" {
		one.refused = wrongType(field)
		if slices.Contains(readByUs, field) {
			c.err = cmp.Or(c.err, fmt.Errorf("%s[%d].%s is no text", row.List, row.Index, field))
		}
	}
	if one.list == mutations {
		c.mutation(&one, o)
	} else {
		one.entity = entity(one.list)
		c.row(&one, o)
		c.demand(row, o)
	}
	if one.nameless || one.entity == other {
		if c.odd++; c.odd > maxAlike && one.refused == noFault {
			return // it fares as those before, and a small file can hold millions of them
		}
	}
	c.ops = append(c.ops, one)
}

// leftOf is what an old client leaves of a row. Source: account-server.md 3.6.
var leftOf = map[string][]string{
	"observations": {"session_id", "type", "title", "content", "scope", "tool_name", "project", "topic_key"},
	"prompts":      {"session_id", "content", "project"},
}

func (c *Chunk) hash(text []byte) hash { return c.key.hash(text) }

// timesOf are the members that say when a row was made or changed.
var timesOf = []string{"started_at", "created_at", "updated_at"}

// timeOf reads a time: most rows have one twice.
func (c *Chunk) timeOf(text []byte) time.Time {
	if len(text) == 0 {
		return time.Time{}
	}
	if string(text) != c.time.text {
		c.time.text = string(text)
		c.time.read = rowtime.Parse(c.time.text)
	}
	return c.time.read
}

func (c *Chunk) momentOf(text []byte) moment {
	t := c.timeOf(text)
	if t.IsZero() {
		return moment{}
	}
	return moment{sec: t.Unix(), nano: int32(t.Nanosecond()), whole: bytes.IndexByte(text, '.') < 0, ok: true}
}

// projectOf is the hash of a project's normalized name.
func (c *Chunk) projectOf(text []byte) hash {
	if !bytes.Equal(text, c.project.text) {
		c.project.text = append(c.project.text[:0], text...)
		c.project.hash = c.hash([]byte(engram.NormalizeProject(string(text))))
	}
	return c.project.hash
}

func (c *Chunk) tell(o object) {
	c.Generation = max(c.Generation, engram.Gen1)
	for _, m := range o {
		c.Tell(m.Name, m.Value)
	}
}

// readByUs are members without which we do not know where a row belongs.
var readByUs = []string{"session_id", "started_at", "created_at", "updated_at"}

// demanded are what project servers refuse a row without, and engram does not.
var demanded = map[string][]string{"sessions": {"id", "directory"}, "observations": {"sync_id", "content", "type", "title"}, "prompts": {"sync_id", "content"}}

// demand notes what of it is missing.
func (c *Chunk) demand(row rowstream.Row, o object) {
	for _, field := range demanded[row.List] {
		if !o.blank(field) {
			continue
		}
		if c.blanks == nil {
			c.blanks = map[[2]string]int{}
		}
		kind := [2]string{row.List, field}
		if c.blanks[kind]++; c.blanks[kind] <= maxAlike {
			c.Blank = append(c.Blank, engram.RowNote{List: row.List, Index: row.Index, Field: field, Reason: engram.Required})
		}
	}
}

// row takes in a row, or the payload of an upsert.
func (c *Chunk) row(one *op, o object) {
	id := o.bytes(idOf[one.entity])
	one.key = c.hash(id)
	one.named = one.key
	one.nameless = len(bytes.TrimSpace(id)) == 0
	one.project = c.projectOf(o.bytes("project"))
	one.session = c.hash(o.bytes("session_id"))
	switch one.entity {
	case session:
		one.at = c.momentOf(o.bytes("started_at"))
		c.session(one, o)
	case observation:
		one.at = c.momentOf(o.firstOf("updated_at", "created_at"))
		one.content = c.hashOf(o.value, "session_id", "type", "title", "content", "scope", "topic_key", "tool_name", "project", "review_after")
		one.noReview = slices.Contains(reviews, o.text("type")) && o.value("review_after") == nil && c.timeOf(o.bytes("created_at")).IsZero()
		if deleted := o.bytes("deleted_at"); len(deleted) > 0 && one.list != mutations {
			one.deletes, one.at = true, c.momentOf(deleted)
		}
	case prompt:
		one.at = c.momentOf(o.bytes("created_at"))
		if inbox := o.text("source_inbox_id"); inbox != "" {
			one.target = c.hash([]byte(o.text("session_id") + "\x00" + inbox))
		}
	}
}

const mutations = 3

// hashOf is one hash for several members, by what give gives of each.
func (c *Chunk) hashOf(give func(name string) []byte, names ...string) (sum hash) {
	for _, name := range names {
		sum = sum*1099511628211 ^ c.hash(give(name))
	}
	return sum
}

// session reads what only sessions have. Source: engram-2.md 2.3, 10.
func (c *Chunk) session(one *op, o object) {
	mode, directory := o.text("ownership_mode"), o.last("directory")
	null := string(directory) == "null"
	one.owned = mode == engram.ProjectOwned
	one.blankDir = o.blank("directory") || null
	switch {
	case mode != "" && !one.owned && mode != "shared":
		one.stalled = ownership
	case one.blankDir && one.owned && null && one.list != mutations:
		one.stalled = blankOwned
		if one.refused == noFault {
			one.refused = nullOwned
		}
	case one.blankDir && one.owned && !null:
		one.stalled = blankOwned
	case one.blankDir:
		one.stalled = blankShared
	}
}

// mutation takes in an explicit mutation.
func (c *Chunk) mutation(one *op, m object) {
	kind, known := entities[m.text("entity")]
	key, operation := m.text("entity_key"), m.text("op")
	payload, err := cut(m.bytes("payload"))
	one.deletes = operation == "delete"
	one.named = c.hash([]byte(key))
	disposition := m.text("disposition")
	one.foreign = disposition != "" && disposition != "pending"
	if !known || !one.deletes && operation != "upsert" {
		one.entity, one.stalled = other, noEntity
		if known {
			one.entity, one.stalled = kind, noOperation
		}
		return
	}
	one.entity = kind
	hard := payload.value("hard_delete")
	if err != nil || payload.odd(rowTypes[listOf[kind]]) != "" || one.deletes && hard != nil && hard[0] != 't' && hard[0] != 'f' {
		one.stalled = undecodable
		return
	}
	c.tell(payload)
	c.row(one, payload)
	one.named = c.hash([]byte(key))
	one.otherKey = keyDiffers(one, key, payload.text(idOf[kind]))
	if kind == relation {
		one.session, one.target, one.at = c.hash(payload.bytes("source_id")), c.hash(payload.bytes("target_id")), c.momentOf(payload.bytes("updated_at"))
		one.project = c.projectOf(m.bytes("project"))
	}
	if one.deletes {
		one.hard = string(hard) == "true"
		one.at = c.momentOf(payload.bytes("deleted_at"))
		one.stalled, one.owned = noFault, false // nothing but its id counts
	} else {
		one.alive = string(payload.value("deleted")) == "true" || payload.text("deleted_at") != ""
	}
}

// keyDiffers says whether readers of 2.x and later take the key of a mutation for
// another one than the payload's. Source: engram-2.md 10.
func keyDiffers(one *op, key, id string) bool {
	switch one.entity {
	case session:
		return key != id
	case prompt:
		return one.deletes && key != id
	}
	return strings.TrimSpace(key) != strings.TrimSpace(id)
}

// settle leaves of the rows what an import takes: a mutation wins over a row with its
// name, and a session row that nothing needs is no row beside mutations.
// Source: engram-2.md 2.3, 3.
func (c *Chunk) settle() {
	if c.settled {
		return
	}
	c.settled = true
	type name struct {
		entity entity
		key    hash
	}
	explicit, needed, listed := map[name]bool{}, map[hash]bool{}, false
	for _, one := range c.ops {
		if one.list == mutations {
			listed = true
			explicit[name{one.entity, one.named}] = true
		}
		if (one.entity == observation || one.entity == prompt) && !one.deletes {
			needed[one.session] = true
		}
	}
	for i, one := range c.ops {
		row := one.list != mutations
		c.ops[i].overruled = row && explicit[name{one.entity, one.key}]
		c.ops[i].lone = listed && one.list == byte(session) && !needed[one.key] && !c.ops[i].overruled
	}
	c.ops = slices.Clip(c.ops)
	slices.SortStableFunc(c.ops, func(a, b op) int { return cmp.Compare(a.list, b.list) }) // servers write them in another order
}
