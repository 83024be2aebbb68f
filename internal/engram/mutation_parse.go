package engram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// The members of a line. The later ones are what servers and engram's own
// journal add to a mutation: they mean nothing on the way to another server.
// Source: account-server.md 4.3, engram-2.md 2.2.
var lineMembers = []string{"entity", "entity_key", "op", "payload", "project",
	"user_id", "seq", "occurred_at", "target_key", "source", "acked_at",
	"disposition", "disposition_reason", "disposition_evidence", "disposition_at"}

// Places in lineMembers.
const (
	lineEntity = iota
	lineKey
	lineOp
	linePayload
	lineProject
)

// ParseMutation reads a line of JSON Lines as a mutation: an object with the
// strings entity, entity_key and op, and a payload, which keeps its bytes; a
// project is optional. A member that stands there twice, or differs from a
// known one by letter case alone, is an error: readers would not agree on it. One
// that nobody knows is kept.
// The content is not judged: see Check.
func ParseMutation(line []byte) (MutationEntry, error) {
	e, err := ReadMutation(line)
	e.Payload = bytes.Clone(e.Payload)
	return e, err
}

// ReadMutation is ParseMutation with a payload that lies in the line.
func ReadMutation(line []byte) (e MutationEntry, err error) {
	members, err := splitObject(line)
	if err != nil {
		return e, err
	}
	var values [lineProject + 1][]byte // of those that count
	var met, extra []string
	for _, m := range members {
		place := slices.Index(lineMembers, m.Name)
		if slices.Contains(met, m.Name) {
			return e, fmt.Errorf("member %s is there twice", short(m.Name))
		}
		if met = append(met, m.Name); place < 0 {
			if err := refuseVariant(m.Name, lineMembers); err != nil {
				return e, err
			}
			extra = append(extra, string(line[m.From:m.End()]))
		} else if place < len(values) {
			values[place] = m.Value
		}
	}
	for i, name := range lineMembers[:lineProject] {
		if values[i] == nil {
			return e, fmt.Errorf("%s is missing", name)
		}
	}
	for i, to := range [...]*string{lineEntity: &e.Entity, lineKey: &e.EntityKey, lineOp: &e.Op, lineProject: &e.Project} {
		if to == nil || values[i] == nil {
			continue
		}
		if *to, err = stringOf(values[i]); err != nil {
			return MutationEntry{}, fmt.Errorf("%s: %w", lineMembers[i], err)
		}
	}
	e.Payload, e.Extra = values[linePayload], strings.Join(extra, ",")
	return e, nil
}

// short makes a stranger's text fit for an error.
func short(text string) string {
	if len(text) > 40 {
		text = text[:40] + "…"
	}
	return strconv.QuoteToGraphic(text)
}

var (
	knownEntities = []string{"session", "observation", "prompt", "relation"}
	knownOps      = []string{"upsert", "delete"}
)

// Check says what readers or servers are known to choke on: an entity or op
// that engram does not have, a payload that is neither an object nor a string
// that holds one, text that no database takes. Source: account-server.md 4.1, 10.
func (e MutationEntry) Check() error {
	switch {
	case !slices.Contains(knownEntities, e.Entity):
		return fmt.Errorf("entity %s is none that engram has", short(e.Entity))
	case !slices.Contains(knownOps, e.Op):
		return fmt.Errorf("op %s is neither upsert nor delete", short(e.Op))
	case e.EntityKey == "":
		return errors.New("entity_key is empty")
	}
	for _, member := range [...]struct{ name, text string }{{"entity_key", e.EntityKey}, {"project", e.Project}} {
		switch {
		case strings.Contains(member.text, "\x00"):
			return fmt.Errorf("%s holds a NUL character", member.name)
		case !utf8.ValidString(member.text):
			return fmt.Errorf("%s is not valid UTF-8", member.name)
		}
	}
	return checkPayload(e.Payload)
}

func checkPayload(payload []byte) error {
	if !utf8.Valid(payload) {
		return errors.New("payload is not valid UTF-8")
	}
	object := bytes.TrimSpace(payload)
	wrapped := len(object) > 0 && object[0] == '"'
	if wrapped {
		var text string
		if err := json.Unmarshal(payload, &text); err != nil {
			return errNotJSON
		}
		object = bytes.TrimSpace([]byte(text))
	} else if len(object) == 0 || object[0] != '{' && !jsonscan.Valid(object) {
		return errNotJSON
	}
	if len(object) == 0 || object[0] != '{' {
		return errNoObject
	}
	odd := false
	whole := jsonscan.EachMember(object, func(name string, kind jsonscan.Kind) {
		odd = odd || jsonscan.Alike(name, scopeFields) != "" && kind != jsonscan.String && kind != jsonscan.Null
	})
	switch {
	case !whole && wrapped:
		return errNoObject
	case !whole:
		return errNotJSON
	case odd:
		return errors.New("project or session_id in the payload is not a string")
	}
	switch err := jsonscan.CheckEscapes(payload); {
	case errors.Is(err, jsonscan.ErrNul):
		return errors.New(`payload holds a NUL character (\u0000)`)
	case err != nil:
		return fmt.Errorf("payload holds %w", err)
	}
	return nil
}

// scopeFields are the members of a payload that say where it belongs.
var scopeFields = []string{"project", "session_id"}

var (
	errNoObject = errors.New("payload is neither an object nor a string that holds one")
	errNotJSON  = errors.New("payload is not valid JSON")
)
