// Package schemas makes a JSON Schema of the documents that a command was seen to print, and holds others against one.
package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
)

// byName are the members whose own members have names that nobody can list.
var byName = []string{"by_project"}

// Shape is what the values at one place were: make the first with new.
type Shape struct {
	types   map[string]bool
	objects int
	members map[string]*member
	items   *Shape
}

type member struct {
	Shape
	seen int
}

// Add takes a document.
func (s *Shape) Add(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // which tells whole numbers from others
	var value any
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	s.add(value)
	return nil
}

func (s *Shape) add(value any) {
	kind := kindOf(value)
	if s.types == nil {
		s.types = map[string]bool{}
	}
	s.types[kind] = true
	switch v := value.(type) {
	case []any:
		if s.items == nil {
			s.items = &Shape{}
		}
		for _, item := range v {
			s.items.add(item)
		}
	case map[string]any:
		s.objects++
		if s.members == nil {
			s.members = map[string]*member{}
		}
		for name, value := range v {
			m := s.members[name]
			if m == nil {
				m = &member{}
				s.members[name] = m
			}
			m.seen++
			m.add(value)
		}
	}
}

func kindOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// schema describes the shape; named is that its members have names that nobody can list.
func (s *Shape) schema(named bool) map[string]any {
	described := map[string]any{}
	if s.types["number"] {
		delete(s.types, "integer") // which is one
	}
	switch kinds := slices.Sorted(maps.Keys(s.types)); len(kinds) {
	case 0: // of an empty list
	case 1:
		described["type"] = kinds[0]
	default:
		described["type"] = kinds
	}
	if s.items != nil {
		described["items"] = s.items.schema(false)
	}
	if s.objects == 0 {
		return described
	}
	if named {
		all := &Shape{types: map[string]bool{}}
		for _, m := range s.members {
			all.merge(&m.Shape)
		}
		described["additionalProperties"] = all.schema(false)
		return described
	}
	properties, required := map[string]any{}, []string{}
	for name, m := range s.members {
		properties[name] = m.schema(slices.Contains(byName, name))
		if m.seen == s.objects {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	described["properties"], described["required"] = properties, required
	return described
}

// merge adds what was seen at another place.
func (s *Shape) merge(other *Shape) {
	maps.Copy(s.types, other.types)
	s.objects += other.objects
	for name, m := range other.members {
		if s.members == nil {
			s.members = map[string]*member{}
		}
		if known := s.members[name]; known != nil {
			known.merge(&m.Shape)
			known.seen += m.seen
		} else {
			s.members[name] = m
		}
	}
	if s.items == nil {
		s.items = other.items
	} else if other.items != nil {
		s.items.merge(other.items)
	}
}

// Text is the JSON Schema, with a title.
func (s *Shape) Text(title string) ([]byte, error) {
	schema := s.schema(false)
	schema["$schema"], schema["title"] = "https://json-schema.org/draft/2020-12/schema", title
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

// Schema is a JSON Schema that takes no member which it does not name: what a program adds has to be added to its schema.
type Schema struct{ resolved *jsonschema.Resolved }

// Closed reads a JSON Schema.
func Closed(text []byte) (*Schema, error) {
	var described any
	if err := json.Unmarshal(text, &described); err != nil {
		return nil, err
	}
	closeOff(described)
	text, err := json.Marshal(described)
	if err != nil {
		return nil, err
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, fmt.Errorf("it is no JSON Schema: %w", err)
	}
	resolved, err := schema.Resolve(nil)
	return &Schema{resolved}, err
}

// Validate holds a document against the schema.
func (s *Schema) Validate(text []byte) error {
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	return s.resolved.Validate(document)
}

func closeOff(schema any) {
	switch s := schema.(type) {
	case []any:
		for _, item := range s {
			closeOff(item)
		}
	case map[string]any:
		if _, named := s["additionalProperties"]; !named && s["properties"] != nil {
			s["additionalProperties"] = false
		}
		for _, member := range s {
			closeOff(member)
		}
	}
}
