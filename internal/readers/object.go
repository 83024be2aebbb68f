package readers

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// object is a row or a payload, cut into its members, with names in lower case: Go's
// decoder, with which engram reads, takes both for the same.
type object []jsonscan.Member

// cut cuts the text of an object. null is one without members, as for engram.
func cut(text []byte) (object, error) {
	if string(text) == "null" {
		return nil, nil
	}
	members, err := jsonscan.Split(text, jsonscan.Object, 0)
	if err != nil { // the name of a member is too long, or there is no object
		if members, err = cutSlowly(text); err != nil {
			return nil, err
		}
	}
	for i := range members {
		members[i].Name = strings.Map(fold, members[i].Name)
	}
	return members, nil
}

// cutSlowly cuts an object with names of any length.
func cutSlowly(text []byte) (members []jsonscan.Member, err error) {
	if err := json.Unmarshal(text, &map[string]json.RawMessage{}); err != nil {
		return nil, err
	}
	in := json.NewDecoder(bytes.NewReader(text))
	_, err = in.Token() // the brace
	for err == nil && in.More() {
		var name json.Token
		var value json.RawMessage
		if name, err = in.Token(); err == nil {
			err = in.Decode(&value)
		}
		text, _ := name.(string) // nothing else is a name
		members = append(members, jsonscan.Member{Name: text, Value: value})
	}
	return members, err
}

// fold is what Go's decoder takes for the same rune in the name of a member, of those that
// names of engram's consist of.
func fold(r rune) rune {
	switch {
	case r >= 'A' && r <= 'Z':
		return r + 'a' - 'A'
	case r == '\u017f': // the long s
		return 's'
	case r == '\u212a': // the sign of kelvin
		return 'k'
	}
	return r
}

// last is the last value of a member; nil if there is none.
func (o object) last(name string) []byte {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Name == name {
			return o[i].Value
		}
	}
	return nil
}

// value is last, where null leaves what was there before.
func (o object) value(name string) []byte {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].Name == name && string(o[i].Value) != "null" {
			return o[i].Value
		}
	}
	return nil
}

// text is that of a member, "" where it is none.
func (o object) text(name string) string {
	value := o.value(name)
	if len(value) == 0 || value[0] != '"' {
		return ""
	}
	if s, err := jsonscan.Unquote(value[1 : len(value)-1]); err == nil {
		return s
	}
	var s string
	_ = json.Unmarshal(value, &s) // valid JSON, with bytes that are no UTF-8
	return s
}

// blank says whether a member has no more than white space. What is no text is not blank.
func (o object) blank(name string) bool {
	value := o.value(name)
	if len(value) == 0 || value[0] != '"' {
		return len(value) == 0
	}
	inside := strings.TrimSpace(string(value[1:min(len(value)-1, 64)]))
	return inside == "" && len(value) < 64 || (inside == "" || inside[0] == '\\') && strings.TrimSpace(o.text(name)) == ""
}

// types are what engram decodes: members of any other type are an error there, and
// those that are not named are passed over. Source: engram-2.md 2.2.
type types map[string]byte

func typesOf(texts string, others map[string]byte) types {
	t := types{}
	for _, name := range strings.Fields(texts) {
		t[name] = '"'
	}
	for name, kind := range others {
		t[name] = kind
	}
	return t
}

var rowTypes = map[string]types{
	"sessions": typesOf("id project ownership_mode directory started_at ended_at summary", nil),
	"observations": typesOf("sync_id session_id type title content tool_name project scope topic_key last_seen_at review_after created_at updated_at deleted_at",
		map[string]byte{"id": '0', "revision_count": '0', "duplicate_count": '0'}),
	"prompts":   typesOf("source_inbox_id sync_id session_id content project created_at", map[string]byte{"id": '0'}),
	"mutations": typesOf("target_key entity entity_key op payload source project occurred_at acked_at", map[string]byte{"seq": '0'}),
	"relations": typesOf("sync_id source_id target_id relation reason evidence judgment_status marked_by_actor marked_by_kind marked_by_model session_id project created_at updated_at",
		map[string]byte{"confidence": '.'}),
}

// odd is the first member of another type than t says; "" if there is none.
func (o object) odd(t types) string {
	for _, m := range o {
		switch want := t[m.Name]; {
		case want == 0 || string(m.Value) == "null":
		case want == '"' && m.Value[0] != '"', want == '0' && !isInteger(m.Value), want == '.' && !isNumber(m.Value):
			return m.Name
		}
	}
	return ""
}

// isInteger and isNumber say whether a value can be kept as one: what is too large cannot.
func isInteger(value []byte) bool {
	_, err := strconv.ParseInt(string(value), 10, 64)
	return err == nil
}

func isNumber(value []byte) bool {
	_, err := strconv.ParseFloat(string(value), 64)
	return err == nil && (value[0] == '-' || value[0] >= '0' && value[0] <= '9')
}
