package readers

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/rowstream"
)

// object is a row or a payload, cut into its members.
type object []rowstream.Member

// cutRow takes the members of a row, which are cut already if it is an object.
func cutRow(row rowstream.Row) (object, error) {
	if row.Text[0] != '{' {
		return cut(row.Text)
	}
	return row.Members, nil
}

// cut cuts the text of an object. null is one without members, as for engram.
func cut(text []byte) (object, error) {
	if string(text) == "null" {
		return nil, nil
	}
	cut, err := jsonscan.Split(text, jsonscan.Object, 0)
	if err != nil { // the name of a member is too long, or there is no object
		return cutSlowly(text)
	}
	members := make(object, len(cut))
	for i, m := range cut {
		members[i] = rowstream.Member{Name: rowstream.FoldedName(m.Name), Value: m.Value}
	}
	return members, nil
}

// cutSlowly cuts an object with names of any length.
func cutSlowly(text []byte) (members object, err error) {
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
		members = append(members, rowstream.Member{Name: rowstream.FoldedName(text), Value: value})
	}
	return members, err
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
func (o object) text(name string) string { return string(o.bytes(name)) }

// bytes is text for who only looks at it.
func (o object) bytes(name string) []byte {
	value := o.value(name)
	if len(value) == 0 || value[0] != '"' {
		return nil
	}
	inner := value[1 : len(value)-1]
	if jsonscan.IsPlain(inner) {
		return inner
	}
	text, _ := jsonscan.AppendText(make([]byte, 0, len(inner)), inner) // valid JSON
	return text
}

// firstOf is bytes of the first member that has any.
func (o object) firstOf(names ...string) (text []byte) {
	for _, name := range names {
		if text = o.bytes(name); len(text) > 0 {
			break
		}
	}
	return text
}

// blank says whether a member has no more than white space. What is no text is not blank.
func (o object) blank(name string) bool {
	value := o.value(name)
	if len(value) == 0 || value[0] != '"' {
		return len(value) == 0
	}
	if c := value[1]; c > ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
		return false // as nearly all
	}
	inside := strings.TrimSpace(string(value[1:min(len(value)-1, 64)]))
	return inside == "" && len(value) < 64 || (inside == "" || inside[0] == '\\') && strings.TrimSpace(o.text(name)) == ""
}

// types are what engram decodes: members of any other type are an error there, and
// those that are not named are passed over. Source: engram-2.md 2.2.
type types struct{ texts, integers, numbers []string }

var rowTypes = map[string]types{
	"sessions": {texts: strings.Fields("id project ownership_mode directory started_at ended_at summary")},
	"observations": {
		texts:    strings.Fields("sync_id session_id type title content tool_name project scope topic_key last_seen_at review_after created_at updated_at deleted_at"),
		integers: strings.Fields("id revision_count duplicate_count"),
	},
	"prompts":   {texts: strings.Fields("source_inbox_id sync_id session_id content project created_at"), integers: []string{"id"}},
	"mutations": {texts: strings.Fields("target_key entity entity_key op payload source project occurred_at acked_at"), integers: []string{"seq"}},
	"relations": {
		texts:   strings.Fields("sync_id source_id target_id relation reason evidence judgment_status marked_by_actor marked_by_kind marked_by_model session_id project created_at updated_at"),
		numbers: []string{"confidence"},
	},
}

// odd is the first member of another type than t says; "" if there is none.
func (o object) odd(t types) string {
	for _, m := range o {
		var good bool
		switch {
		case string(m.Value) == "null":
			good = true
		case slices.Contains(t.integers, m.Name):
			good = isInteger(m.Value)
		case slices.Contains(t.numbers, m.Name):
			good = isNumber(m.Value)
		default:
			good = m.Value[0] == '"' || !slices.Contains(t.texts, m.Name)
		}
		if !good {
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
