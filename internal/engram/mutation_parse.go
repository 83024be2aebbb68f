package engram

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// The members of a line. The later ones are what servers and engram's own
// journal add to a mutation: they mean nothing on the way to another server.
var lineMembers = []string{"entity", "entity_key", "op", "payload", "project",
	"user_id", "seq", "occurred_at", "target_key", "source", "acked_at"}

// textMembers are those that are strings.
var textMembers = []string{"entity", "entity_key", "op", "project"}

// ParseMutation reads a line of JSON Lines as a mutation: an object with the
// strings entity, entity_key and op, and a payload, which keeps its bytes; a
// project is optional. A member that stands there twice, or differs from a
// known one by letter case alone, is an error: readers would not agree on it.
// The content is not judged: see Check.
func ParseMutation(line []byte) (MutationEntry, error) {
	members, err := splitObject(line)
	if err != nil {
		return MutationEntry{}, err
	}
	byName := make(map[string]jsonscan.Member, len(members))
	for _, m := range members {
		if err := checkMember(m.Name, byName); err != nil {
			return MutationEntry{}, err
		}
		byName[m.Name] = m
	}
	for _, name := range lineMembers[:4] {
		if _, there := byName[name]; !there {
			return MutationEntry{}, fmt.Errorf("%s is missing", name)
		}
	}
	var e MutationEntry
	for i, to := range []*string{&e.Entity, &e.EntityKey, &e.Op, &e.Project} {
		name := textMembers[i]
		if m, there := byName[name]; there {
			if *to, err = stringOf(m.Value); err != nil {
				return MutationEntry{}, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	e.Payload = bytes.Clone(byName["payload"].Value)
	return e, nil
}

func checkMember(name string, seen map[string]jsonscan.Member) error {
	if _, twice := seen[name]; twice {
		return fmt.Errorf("member %s is there twice", short(name))
	}
	if slices.Contains(lineMembers, name) {
		return nil
	}
	if err := refuseVariant(name, lineMembers); err != nil {
		return err
	}
	return fmt.Errorf("unknown member %s", short(name))
}

// short makes a stranger's text fit for an error.
func short(text string) string {
	if len(text) > 40 {
		text = text[:40] + "…"
	}
	return strconv.QuoteToGraphic(text)
}
