package selection_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/selection"
)

// read understands days and "1d", which is counted from the 10th.
func read(text string, end bool) (time.Time, error) {
	if text == "1d" {
		return time.Date(2026, 10, 9, 12, 0, 0, 0, time.UTC), nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if end {
		day = day.AddDate(0, 0, 1)
	}
	return day, err
}

// parse takes words of which those that begin with a minus are excluded.
func parse(t *testing.T, words string) selection.Filter {
	t.Helper()
	var include, exclude []string
	for word := range strings.FieldsSeq(words) {
		if rest, ok := strings.CutPrefix(word, "-"); ok {
			exclude = append(exclude, rest)
		} else {
			include = append(include, word)
		}
	}
	f, err := selection.Parse(include, exclude, read)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// One value of each key that is included, and none that is excluded; what does not tell is not left out.
func TestWants(t *testing.T) {
	decision := selection.Row("Shop", "Decision", "2026-10-05 10:00:00")
	bug := selection.Row("shop", "bugfix", "2026-10-05T23:59:59.999Z")
	other := selection.Row("other", "decision", "2026-10-06 00:00:00")
	silent := selection.Row("", "", "")
	chunk := selection.Subject{Projects: []string{"other", "shop"}, Types: []string{"bugfix", "session"}, At: decision.At}
	deletion := selection.Subject{Projects: []string{"shop"}, Types: []string{"session"}, NoType: true, At: bug.At}
	for words, want := range map[string]string{
		"":                                  "dbosxh", // all: d, b, o, the silent one, the chunk, and that with a deletion
		"project=shop":                      "dbsxh",
		"project=SHOP project=other":        "dbosxh",
		"type=decision":                     "dosh",
		"type=decision type=bugfix":         "dbosxh",
		"type=decision project=shop":        "dsh",
		"-type=decision":                    "bsxh",
		"-type=session":                     "dbos",
		"-project=other":                    "dbsh",
		"-project=other -type=bugfix":       "dsh",
		"project=shop -type=decision":       "bsxh",
		"since=2026-10-06":                  "os",
		"until=2026-10-05":                  "dbsxh",
		"until=2026-10-05 type=bugfix":      "bsxh",
		"since=2026-10-05 since=2026-11-01": "dbosxh",
		"-since=2026-10-06":                 "dbsxh",
		"-until=2026-10-05":                 "os",
		"type=nothing":                      "sh",
		"project=nothing":                   "s",
	} {
		f := parse(t, words)
		got := ""
		for _, s := range []struct {
			name string
			selection.Subject
		}{{"d", decision}, {"b", bug}, {"o", other}, {"s", silent}, {"x", chunk}, {"h", deletion}} {
			if f.Wants(s.Subject) {
				got += s.name
			}
		}
		if got != want {
			t.Errorf("%q wants %s, not %s", words, got, want)
		}
		if f.IsZero() != (words == "") {
			t.Errorf("%q is nothing: %v", words, f.IsZero())
		}
	}
}

// What is counted from now goes by the clock that wrote the time; a date is one everywhere.
func TestTimesOfAnotherClock(t *testing.T) {
	day := 24 * time.Hour
	for words, want := range map[string][3]bool{ // a clock that is a day late, right, a day ahead
		"since=1d": {true, true, false}, "-since=1d": {false, false, true}, "until=1d": {false, false, true}, "since=2026-10-09": {true, true, true},
	} {
		f, row := parse(t, words), selection.Row("", "", "2026-10-09 12:00:00")
		for i, ahead := range []time.Duration{-day, 0, day} {
			if row.Ahead = int64(ahead); f.Wants(row) != want[i] {
				t.Errorf("%s, a clock that is %s ahead: %t", words, ahead, !want[i])
			}
		}
	}
}

// A filter knows what it asks for, and has one text for all who want the same.
func TestAsks(t *testing.T) {
	for words, want := range map[string]string{
		"":                              "",
		"since=2026-10-01":              "--include since=2026-10-01",
		"-project=Shop":                 "rows project --exclude project=shop",
		"type=B type=a type=b":          "rows --include type=a --include type=b",
		"until=1d":                      "moving --include until=1d",
		"since=1d -until=1d":            "--exclude until=1d --include since=1d",
		"-since=1d":                     "moving --exclude since=1d",
		"-since=2026-10-01 project=one": "rows project --exclude since=2026-10-01 --include project=one",
	} {
		f := parse(t, words)
		var got []string
		if f.AsksRows() {
			got = append(got, "rows")
		}
		if f.AsksProject() {
			got = append(got, "project")
		}
		if f.Moving() != "" {
			got = append(got, "moving")
		}
		if text := strings.TrimSpace(strings.Join(append(got, f.String()), " ")); text != want {
			t.Errorf("%q: %s, not %s", words, text, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for word, want := range map[string]string{
		"shop": `"shop" is no KEY=VALUE`, "project=": "is no KEY=VALUE", "author=ana": `there is no "author": give project, type, since or until`, "since=soon": "soon",
	} {
		for i, flag := range []string{"--include: ", "--exclude: "} {
			lists := [2][]string{}
			lists[i] = []string{word}
			_, err := selection.Parse(lists[0], lists[1], func(text string, _ bool) (time.Time, error) { return time.Time{}, errors.New(text) })
			if err == nil || !strings.HasPrefix(err.Error(), flag) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s%s: %v", flag, word, err)
			}
		}
	}
}

// The older ways to say what goes: both filters count, and types are those of memories alone.
func TestAnd(t *testing.T) {
	f := selection.Memories([]string{"Decision", "bugfix"}).And(selection.Since(time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC))).And(parse(t, "type=decision type=prompt"))
	for kind, want := range map[string]bool{"decision": true, "bugfix": false, "prompt": true, "session": false, "pattern": false} {
		if f.Wants(selection.Row("shop", kind, "2026-10-05 10:00:00")) != want {
			t.Errorf("%s is wanted: %v", kind, !want)
		}
	}
	if f.Wants(selection.Row("shop", "decision", "2026-10-04 10:00:00")) {
		t.Error("what is too old is wanted")
	}
	if !selection.Memories(nil).And(selection.Since(time.Time{})).IsZero() {
		t.Error("nothing that is asked leaves something out")
	}
}

// What a mutation is, its payload tells, if it does.
func TestMutation(t *testing.T) {
	for _, test := range []struct{ entity, payload, want string }{
		{"observation", `{"type":"Decision","project":"Shop"}`, "shop decision"},
		{"observation", `"{\"type\":\"decision\",\"project\":\"shop\"}"`, "shop decision"},
		{"observation", `{"sync_id":"o","hard_delete":true}`, " "},
		{"observation", `{"type":5}`, " "},
		{"Prompt", `{"project":"shop","type":"decision"}`, "shop prompt"},
		{"relation", `null`, " relation"},
		{"", `[]`, " "},
	} {
		s := selection.Mutation(engram.MutationEntry{Entity: test.entity, Payload: json.RawMessage(test.payload)}, "2026-10-05 10:00:00")
		got := strings.Join(s.Projects, ",") + " " + strings.Join(s.Types, ",")
		if got != test.want || s.NoProject != (len(s.Projects) == 0) || s.NoType != (len(s.Types) == 0) || s.At == 0 {
			t.Errorf("%s %s: %+v", test.entity, test.payload, s)
		}
	}
}
