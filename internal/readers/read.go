package readers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Chunk is what readers see in a chunk. Fill it by Add, in the order of its text.
type Chunk struct {
	engram.Contents
	// Blank are rows that lack what project servers demand of them, at most maxAlike of
	// each member.
	Blank []engram.RowNote

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
	refused, stalled *fault
}

// fault is why something ends, at which member, and for whom. nil: it does not.
type fault struct {
	problem Problem
	field   string
	by      []engram.Generation
}

func (f *fault) of(g engram.Generation) bool { return f != nil && slices.Contains(f.by, g) }

func (f *fault) isUndecodable() bool { return f == undecodable }

var (
	all     = Generations
	since2  = []engram.Generation{engram.Gen2, engram.Gen3}
	only2   = []engram.Generation{engram.Gen2}
	only3   = []engram.Generation{engram.Gen3}
	reviews = []string{"decision", "policy", "preference"}

	undecodable = &fault{Undecodable, "payload", all}
	noEntity    = &fault{Undecodable, "entity", all}
	noOperation = &fault{Undecodable, "op", all}
	ownership   = &fault{Ownership, "ownership_mode", since2}
	nullOwned   = &fault{BlankDirectory, "directory", only3}
	blankOwned  = &fault{BlankDirectory, "directory", only2}
	blankShared = &fault{BlankDirectory, "directory", since2}
)

// Read reads the JSON of a chunk. Also where there is an error, the chunk holds the
// rows that came before.
func Read(r io.Reader) (*Chunk, error) {
	c := &Chunk{}
	err := engram.ReadLists(r, c.Add, Lists...)
	return c, cmp.Or(err, c.Err())
}

// Err says why a row could not be taken in.
func (c *Chunk) Err() error { return c.err }

// Add takes in a row of a list.
func (c *Chunk) Add(list string, index int, row json.RawMessage) {
	o, err := cut(row)
	if err != nil {
		c.err = cmp.Or(c.err, fmt.Errorf("%s[%d]: %w", list, index, err))
		return
	}
	c.tell(o)
	c.Count(list, o.text("started_at"), o.text("created_at"), o.text("updated_at"))
	one := op{list: byte(slices.Index(Lists, list)), index: int32(index)}
	if field := o.odd(rowTypes[list]); field != "" {
		one.refused = &fault{WrongType, field, all}
		if slices.Contains(readByUs, field) {
			c.err = cmp.Or(c.err, fmt.Errorf("%s[%d].%s is no text", list, index, field))
		}
	}
	if list == "mutations" {
		c.mutation(&one, o)
	} else {
		one.entity = entity(one.list)
		c.row(&one, o)
		c.demand(list, index, o)
	}
	if one.nameless || one.entity == other {
		if c.odd++; c.odd > maxAlike && one.refused == nil {
			return // it fares as those before, and a small file can hold millions of them
		}
	}
	c.ops = append(c.ops, one)
}

func (c *Chunk) tell(o object) {
	c.Generation = max(c.Generation, engram.Gen1)
	for _, m := range o {
		c.Tell(m.Name, m.Value)
	}
}

// readByUs are members without which we do not know where a row belongs.
var readByUs = []string{"session_id", "started_at", "created_at", "updated_at"}

// demand notes what project servers refuse, and engram does not.
func (c *Chunk) demand(list string, index int, o object) {
	fields := map[string][]string{"sessions": {"id", "directory"}, "observations": {"sync_id", "content", "type", "title"}, "prompts": {"sync_id", "content"}}
	for _, field := range fields[list] {
		if !o.blank(field) {
			continue
		}
		if c.blanks == nil {
			c.blanks = map[[2]string]int{}
		}
		kind := [2]string{list, field}
		if c.blanks[kind]++; c.blanks[kind] <= maxAlike {
			c.Blank = append(c.Blank, engram.RowNote{List: list, Index: index, Field: field, Reason: engram.Required})
		}
	}
}

// row takes in a row, or the payload of an upsert.
func (c *Chunk) row(one *op, o object) {
	id := o.text(idOf[one.entity])
	one.key, one.named = hashOf(id), hashOf(id)
	one.nameless = strings.TrimSpace(id) == ""
	one.project = hashOf(engram.NormalizeProject(o.text("project")))
	one.session = hashOf(o.text("session_id"))
	switch one.entity {
	case session:
		one.at = momentOf(o.text("started_at"))
		c.session(one, o)
	case observation:
		one.at = momentOf(cmp.Or(o.text("updated_at"), o.text("created_at")))
		one.content = contentOf(o, "session_id", "type", "title", "content", "scope", "topic_key", "tool_name", "project", "review_after")
		one.noReview = slices.Contains(reviews, o.text("type")) && o.value("review_after") == nil && !momentOf(o.text("created_at")).ok
		if deleted := o.text("deleted_at"); deleted != "" && one.list != mutations {
			one.deletes, one.at = true, momentOf(deleted)
		}
	case prompt:
		one.at = momentOf(o.text("created_at"))
		if inbox := o.text("source_inbox_id"); inbox != "" {
			one.target = hashOf(o.text("session_id") + "\x00" + inbox)
		}
	}
}

const mutations = 3

func contentOf(o object, names ...string) hash {
	var sum hash
	for _, name := range names {
		sum = sum*1099511628211 ^ hashOf(string(o.value(name)))
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
		if one.refused == nil {
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
	payload, err := cut([]byte(m.text("payload")))
	one.deletes = operation == "delete"
	one.named = hashOf(key)
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
	one.named = hashOf(key)
	one.otherKey = keyDiffers(one, key, payload.text(idOf[kind]))
	if kind == relation {
		one.session, one.target, one.at = hashOf(payload.text("source_id")), hashOf(payload.text("target_id")), momentOf(payload.text("updated_at"))
		one.project = hashOf(engram.NormalizeProject(m.text("project")))
	}
	if one.deletes {
		one.hard = string(hard) == "true"
		one.at = momentOf(payload.text("deleted_at"))
		one.stalled, one.owned = nil, false // nothing but its id counts
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
