package canon

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// earlierWriter writes a document as releases up to 2026-11 did: it decodes each row with Go's
// decoder, and encodes what came out. What they gave chunks for ids is what servers have.
type earlierWriter struct {
	form                     *Form
	project                  string
	asIs, forPush, plainZero bool
	checks                   *checks

	out      []byte
	problems []RowError
	keepsOwn bool
	named    map[string]bool
}

func (w *earlierWriter) refuse(list string, index int, field string, reason Reason) {
	w.problems = append(w.problems, RowError{List: list, Index: index, Field: field, Reason: reason})
}

func (w *earlierWriter) value(v any, depth int) bool {
	switch v := v.(type) {
	case nil:
		w.out = append(w.out, "null"...)
	case bool:
		w.out = strconv.AppendBool(w.out, v)
	case float64:
		w.number(v)
	case int64:
		w.out = strconv.AppendInt(w.out, v, 10)
	case string:
		w.text(v)
	case []any:
		if depth >= 9999 {
			return false
		}
		w.out = append(w.out, '[')
		for i, element := range v {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			if !w.value(element, depth+1) {
				return false
			}
		}
		w.out = append(w.out, ']')
	case map[string]any:
		if depth >= 9999 {
			return false
		}
		w.out = append(w.out, '{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			w.key(i, key)
			if !w.value(v[key], depth+1) {
				return false
			}
		}
		w.out = append(w.out, '}')
	}
	return true
}

func (w *earlierWriter) key(i int, key string) {
	if i > 0 {
		w.out = append(w.out, ',')
	}
	w.text(key)
	w.out = append(w.out, ':')
}

func (w *earlierWriter) number(f float64) {
	if f == 0 && w.plainZero {
		f = 0
	}
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		w.out = strconv.AppendFloat(w.out, f, 'f', -1, 64)
		return
	}
	text, _ := json.Marshal(f) // finite, as all that JSON can say
	w.out = append(w.out, text...)
}

func (w *earlierWriter) text(s string) {
	quoted, _ := json.Marshal(s) // a string
	w.out = append(w.out, quoted...)
}

func (w *earlierWriter) document(members map[string]json.RawMessage) {
	if members == nil {
		w.out = append(w.out, "null"...)
		return
	}
	_, w.keepsOwn = members["mutations"]
	w.out = append(w.out, '{')
	for i, key := range slices.Sorted(maps.Keys(members)) {
		w.key(i, key)
		w.member(key, members[key])
		if w.checks != nil && earlierNul(key) {
			w.refuse(key, -1, "", Nul)
		}
	}
	w.out = append(w.out, '}')
}

func (w *earlierWriter) member(key string, text json.RawMessage) {
	isList := slices.Contains(listNames, key) && !w.asIs
	switch {
	case isList && string(text) == "null":
		w.out = append(w.out, "[]"...)
	case text[0] == '[':
		w.list(key, text, isList)
	case isList:
		w.refuse(key, -1, "", NotRows)
	default:
		w.single(key, text)
	}
}

func (w *earlierWriter) list(key string, text []byte, rows bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		w.refuse(key, -1, "", NotRows)
		return
	}
	w.out = append(w.out, '[')
	for i := 0; dec.More(); i++ {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		var v any
		var tooBig *json.UnmarshalTypeError
		if err := dec.Decode(&v); errors.As(err, &tooBig) {
			w.refuse(key, i, "", TooBig)
		} else if err != nil {
			w.refuse(key, -1, "", NotRows)
			return
		}
		w.element(key, i, v, rows)
	}
	w.out = append(w.out, ']')
}

func (w *earlierWriter) element(key string, index int, v any, isRow bool) {
	before := len(w.problems)
	row, isObject := v.(map[string]any)
	switch {
	case !isRow:
	case !isObject:
		w.refuse(key, index, "", NotObject)
		return
	case key == "mutations":
		if row = w.mutation(index, row); row == nil {
			return
		}
		v = row
	default:
		w.force(key, row)
	}
	start := len(w.out)
	if !w.value(v, 2) {
		w.refuse(key, index, "", TooDeep)
		return
	}
	if w.checks != nil {
		w.check(key, index, v, w.out[start:], len(w.problems) > before)
	}
}

func (w *earlierWriter) force(key string, row map[string]any) {
	if key == "sessions" {
		id, _ := row["id"].(string)
		id = strings.TrimSpace(id)
		if w.keepsOwn && id != "" && !w.named[id] {
			return
		}
	} else if id, ok := row["session_id"].(string); ok {
		w.named[strings.TrimSpace(id)] = true
	}
	row["project"] = w.project
}

func (w *earlierWriter) single(key string, text []byte) {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		w.refuse(key, -1, "", TooBig)
		return
	}
	if !w.value(v, 1) {
		w.refuse(key, -1, "", TooDeep)
		return
	}
	if w.checks != nil {
		if jsonscan.Alike(key, listNames) != "" && v != nil {
			w.refuse(key, -1, "", NotRows)
		}
		if earlierNul(v) {
			w.refuse(key, -1, "", Nul)
		}
		w.out = w.out[:0]
	}
}

func (w *earlierWriter) mutation(index int, row map[string]any) map[string]any {
	row["project"] = w.project
	m, p, problem := w.readMutation(row)
	if problem != nil {
		w.refuse("mutations", index, problem.Field, problem.Reason)
		return nil
	}
	members := earlierMembers(m, w.form)
	if w.checks != nil {
		w.checks.mutation(index, m, p, earlierNul(members))
	}
	exact := true
	for _, name := range []string{"entity", "op", "payload"} {
		_, isText := row[name].(string)
		exact = exact && isText
	}
	switch {
	case !w.forPush && !exact:
	case m.Entity == entitySession:
		w.named[p.key()] = true
	case m.Op == opUpsert && p.session() != "":
		w.named[p.session()] = true
	}
	return members
}

func (w *earlierWriter) readMutation(row map[string]any) (m mutationRow, p payload, problem *RowError) {
	var enc earlierWriter
	if !enc.value(row, 2) {
		return m, nil, &RowError{Reason: TooDeep}
	}
	if err := json.Unmarshal(enc.out, &m); err != nil {
		return m, nil, wrongType(err)
	}
	p, problem = m.normalize(w.form, w.project)
	return m, p, problem
}

func earlierMembers(m mutationRow, f *Form) map[string]any {
	members := map[string]any{
		"seq": m.Seq, "target_key": m.TargetKey, "entity": m.Entity, "entity_key": m.EntityKey,
		"op": m.Op, "payload": m.Payload, "source": m.Source, "project": m.Project, "occurred_at": m.OccurredAt,
	}
	if m.AckedAt != nil {
		members["acked_at"] = *m.AckedAt
	}
	if f.disposition {
		members["disposition"] = ""
	}
	for _, member := range m.dispositions() {
		if text, _ := member.value.text(); text != nil {
			members[member.name] = *text
		}
	}
	return members
}

func (w *earlierWriter) check(key string, index int, v any, text []byte, refused bool) {
	if earlierNul(v) {
		w.refuse(key, index, "", Nul)
		refused = true
	}
	if list := jsonscan.Alike(key, listNames); list != "" && list != "mutations" {
		w.checkRow(key, list, index, text, refused)
	}
	w.out = w.out[:0]
}

func (w *earlierWriter) checkRow(key, list string, index int, text []byte, refused bool) {
	required, session, err := w.form.readRow(list, text)
	if err != nil {
		problem := wrongType(err)
		if problem.Field == "" {
			problem.Reason = NotObject
		}
		w.refuse(key, index, problem.Field, problem.Reason)
		refused = true
	}
	for _, f := range required {
		if strings.TrimSpace(f.value) == "" {
			w.refuse(key, index, f.name, Blank)
			refused = true
		}
	}
	if id := strings.TrimSpace(session); id != "" {
		w.checks.references = append(w.checks.references, reference{key, index, id})
	}
	if list == "sessions" && !refused {
		w.checks.given[strings.TrimSpace(required[0].value)] = true
	}
}

func earlierNul(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.IndexByte(v, 0) >= 0
	case []any:
		return slices.ContainsFunc(v, earlierNul)
	case map[string]any:
		for key, member := range v {
			if earlierNul(key) || earlierNul(member) {
				return true
			}
		}
	}
	return false
}

// write gives a document its form as w is set, or nil if a row has none.
func (w *earlierWriter) write(data []byte, project string) (out []byte, ok bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return nil, false
	}
	w.project, w.named = w.form.project(project), map[string]bool{}
	w.document(members)
	return w.out, len(w.problems) == 0
}

func (f *Form) earlierValidate(data []byte, project string, known func(string) bool) []RowError {
	w := earlierWriter{form: f, checks: &checks{given: map[string]bool{}}}
	w.write(data, project)
	for _, ref := range w.checks.references {
		if !w.checks.given[ref.session] && !known(ref.session) {
			w.refuse(ref.list, ref.index, "session_id", UnknownSession)
		}
	}
	slices.SortStableFunc(w.problems, func(a, b RowError) int {
		return cmp.Or(cmp.Compare(a.List, b.List), cmp.Compare(a.Index, b.Index))
	})
	return w.problems
}

// corners are documents that two ways of writing could take for different ones.
var corners = []string{
	``, `null`, ` { } `, `[]`, `5`, `{"a":1}{}`, `{"a":1,"a":{"b":2,"b":[1 , 2.50,-0,-0.0e5,0E3]}}`, `{"a":1,"\u0061":2}`, `{"observations":[1e400,{"x":[1e400]},[1e400]]}`,
	`{"n":[1e21,1e20,999999999999999999999,1e-6,1e-7,-1e-7,5e-324,1e-400,-1e-400,123456789012345678,0.1,100e-2,12e300,1e400]}`,
	"{\"t\":\"\xff\xfe\xc3(\",\"\xff\":1,\"\xfe\":2}", `{"t":"\ud83d\ude00\ud83d\ud83d\ude00\ude00\ud83dx\ud83d\n"}`, `{"t":"\"\\\/\b\f\n\r\t\u0000\u001f\u007f<>&\u003c\u2028"}`,
	"{\"t\":\"\x7f\u2028\u2029\u2027\ufffd\U0001F600 caf\u00e9\"}", `{"z":{"b":{},"a":[],"":0},"y":[[],[{}],true,false,null]}`,
	`{"observations":[{"b":{"z":1,"y":{"x":2}},"Project":"q","project":"q","session_id":"s\u00e9 ","\u0070roject":"r"},null,5,{}]}`,
	`{"sessions":[{"id":" s "},{"id":"t","project":"x"},{"id":5},{"Id":"s"}],"observations":[{"session_id":" s\n"}],"mutations":null}`,
	`{"mutations":[{"entity":"session","op":"delete","payload":"{\"id\":\"t\"}","seq":1e2,"acked_at":""},{"Entity":"session","op":"upsert","payload":"{\"id\":\"u\",\"directory\":\"\\u0000\"}"}],
	  "sessions":[{"id":"t","project":"x"},{"id":"u","project":"x"},{"id":"v","project":"x"}]}`,
	`{"mutations":[{"seq":-0},{"seq":1.5},{"seq":1e400},{"entity":"prompt","op":"upsert","payload":"\"{\\\"sync_id\\\":\\\"\\\\u0000\\\"}\"","x":"\u0000"}]}`,
	`{"mutations":[{"disposition":"a","disposition_at":null,"disposition_reason":5,"entity":"session","op":"upsert","payload":"{\"id\":\"u\",\"directory\":\"d\"}"}]}`,
	`{"more\u0000":"\u0000","Observations":[{"sync_id":"\\u0000"}],"promptſ":{},"PROMPTS":null,"sessions":{}}`,
	`{"prompts":[{"sync_id":"a","session_id":"s","content":"\u00a0\u2003","id":1e2},{"sync_id":"a","session_id":" ","content":"\n\t\ud800","Content":"c","id":12345678901234567890}]}`,
	`{"observations":[` + strings.Repeat(`{"a":`, 9997) + `1` + strings.Repeat("}", 9997) + `,` + strings.Repeat(`[`, 9999) + `1e999` + strings.Repeat("]", 9999) + `]}`,
	`{"a":` + strings.Repeat(`[`, 9998) + strings.Repeat("]", 9998) + `}`, `{"a":` + strings.Repeat(`[`, 9999) + strings.Repeat("]", 9999) + `}`,
}

func TestFormIsWhatItWas(t *testing.T) {
	for _, data := range corners {
		compareWithEarlier(t, []byte(data), "Repo <b>")
	}
}

// Random chunks are what no corner is: many oddities together.
func TestFormOfRandomChunksIsWhatItWas(t *testing.T) {
	for seed := range uint64(400) {
		dice := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // the same every time
		compareWithEarlier(t, []byte(randomValue(dice, 0)), "repo")
	}
}

// randomValue is the text of a chunk (depth 0), of a list, of a row or of what is in one.
func randomValue(dice *rand.Rand, depth int) string {
	switch kind := dice.IntN(12); {
	case depth == 0, depth == 2 && kind > 0, depth > 2 && kind == 0 && depth < 6:
		return randomObject(dice, depth)
	case depth == 1 && kind > 0, depth > 2 && kind == 1 && depth < 6:
		var parts []string
		for range dice.IntN(4) {
			parts = append(parts, randomValue(dice, depth+1))
		}
		return oneOf(dice, "[", "[\n") + strings.Join(parts, oneOf(dice, ",", "\t,")) + "]"
	case kind < 4:
		return oneOf(dice, "null", "true", "5", "-0", "0", "1.0", "1e2", "1e400", "123456789012345678", "1e-7", "2.50")
	case kind == 4 && depth == 3:
		text, _ := json.Marshal(randomObject(dice, 5)) // a string
		return oneOf(dice, string(text), strings.ReplaceAll(string(text), "s", "\\u0073"))
	}
	return `"` + oneOf(dice, "s", "t", " s ", "", " ", "é", "\\n", "\\u00e9\\ud800", "<b>&", "\\u003c", "\\u0000", "session", "upsert", "delete", "observation", "prompt",
		"project_owned", "\u2028", "\\u2028", "\xff", "\\/", "\\\"", "\\\\") + oneOf(dice, "", "", "s") + `"`
}

func randomObject(dice *rand.Rand, depth int) string {
	names := []string{"sessions", "observations", "prompts", "mutations", "mutations", "Observations", "more", "a", "\\u0000"}
	if depth > 0 {
		names = []string{"id", "sync_id", "session_id", "type", "title", "content", "scope", "project", "directory", "ID", "Project", "entity", "op", "entity_key", "payload",
			"payload", "seq", "x", "disposition", "disposition_at", "acked_at", "ownership_mode", "revision_count", "sync_\\u0069d", "ſcope", "a"}
	}
	var parts []string
	for range dice.IntN(4) * (1 + 2*min(depth, 5)) {
		parts = append(parts, `"`+oneOf(dice, names...)+`"`+oneOf(dice, ":", ": ")+randomValue(dice, depth+1))
	}
	return oneOf(dice, "{", "{ ") + strings.Join(parts, oneOf(dice, ",", " , ")) + "}"
}

func oneOf(dice *rand.Rand, texts ...string) string { return texts[dice.IntN(len(texts))] }

// FuzzFormIsWhatItWas: whatever the chunk, its form is the one whose hash servers know.
func FuzzFormIsWhatItWas(f *testing.F) {
	for _, data := range corners {
		if len(data) < 1000 {
			f.Add([]byte(data), "repo")
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, project string) { compareWithEarlier(t, data, project) })
}

func compareWithEarlier(t *testing.T, data []byte, project string) {
	t.Helper()
	same := func(what string, f *Form, got []byte, err error, earlier earlierWriter) {
		t.Helper()
		earlier.form = f
		want, ok := earlier.write(data, project)
		if ok != (err == nil) || ok && !bytes.Equal(got, want) {
			t.Errorf("%s in form %v of %.1000q:\n now %.1000s %v\nearlier %.1000s", what, f, data, got, err, want)
		}
	}
	got, err := Encode(data)
	same("encoded", form1, got, err, earlierWriter{asIs: true})
	for _, f := range append(Known(), form3) {
		got, err = f.Canonical(data, project)
		same("canonical", f, got, err, earlierWriter{})
		got, err = f.ForPush(data, project)
		same("for a push", f, got, err, earlierWriter{forPush: true, plainZero: true})
		if d, parsed := parse(data); parsed == nil {
			sum, size, sumErr := f.PushSum(d, project)
			if (sumErr == nil) != (err == nil) || err == nil && (size != len(got) || sum != sha256.Sum256(got)) {
				t.Errorf("in form %v of %.1000q: summed up to %d bytes, %v; it has %d, %v", f, data, size, sumErr, len(got), err)
			}
		}
		problems, err := f.Validate(data, project, func(id string) bool { return len(id)%2 == 0 })
		if diff := gocmp.Diff(f.earlierValidate(data, project, func(id string) bool { return len(id)%2 == 0 }), problems); diff != "" && err == nil {
			t.Errorf("refused in form %v of %.1000q (-earlier +now):\n%.2000s", f, data, diff)
		}
	}
}
