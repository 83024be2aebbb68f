package canon_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

func canonical(t *testing.T, data, project string) string {
	t.Helper()
	got, err := canon.Of(engram.Gen1).Canonical([]byte(data), project)
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return string(got)
}

func TestProjectsAreNormalisedLikeTheServersOwn(t *testing.T) {
	for name, want := range map[string]string{
		" My--Proj__X ": "my-proj_x", "A-_-_B": "a-_-_b", "a - b": "a - b", "ΑΣ": "ας"[:2] + "σ",
		"İx": "ix", "---": "-", "": "", "\t\u00a0": "", "a\xffb": "a\ufffdb",
	} {
		if got := engram.NormalizeProject(name); got != want {
			t.Errorf("NormalizeProject(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNullIsADocument(t *testing.T) {
	if id := idOf([]byte(canonical(t, " null ", "p"))); id != "74234e98" { // 3.1
		t.Errorf("id %s, want 74234e98", id)
	}
}

func TestWhatIsNoObjectHasNoCanonicalForm(t *testing.T) {
	for _, data := range []string{"", "5", "[]", `"x"`, `{"a":1} x`, `{"a":}`, `{"a":1e400}`, `{"a":[1,1e400]}`, `{`} {
		if got, err := canon.Of(engram.Gen1).Canonical([]byte(data), "p"); err == nil {
			t.Errorf("%q was accepted: %s", data, got)
		}
		if got, err := canon.Encode([]byte(data)); err == nil {
			t.Errorf("Encode(%q) was accepted: %s", data, got)
		}
	}
}

// 10,000 levels, of which the envelope that holds the data is one (A16).
func TestNestingIsLimited(t *testing.T) {
	nested := func(levels int) string {
		return `{"a":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}`
	}
	row := func(levels int) string { return `{"sessions":[{"a":` + nested(levels) + `}]}` }
	for _, tc := range []struct {
		data string
		ok   bool
	}{{nested(9998), true}, {nested(9999), false}, {nested(100000), false}, {row(9995), true}, {row(9996), false}} {
		if _, err := canon.Of(engram.Gen1).Canonical([]byte(tc.data), "p"); (err == nil) != tc.ok {
			t.Errorf("%d bytes: %v", len(tc.data), err)
		}
	}
}

func TestInvalidTextBecomesOneReplacementPerByte(t *testing.T) {
	data := "{\"a\":\"\xff\xc3\xe2\x82x\",\"\xfe\":\"\\ud800\\u0041\"}"
	want := "{\"a\":\"\ufffd\ufffd\ufffd\ufffdx\",\"\ufffd\":\"\ufffdA\"}"
	if got := canonical(t, data, "p"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Encode must not force rows again: a pulled chunk may hold a session of
// another project that its mutation named in another case (A7, A11).
func TestAPulledBodyIsOnlyEncoded(t *testing.T) {
	pushed := `{"sessions":[{"id":"s1","directory":"/d","project":"other"}],
		"mutations":[{"Entity":"session","op":"delete","payload":"{\"id\":\"s1\"}"}]}`
	stored := canonical(t, pushed, "p")
	if !strings.Contains(stored, `"project":"other"`) {
		t.Fatalf("the session was forced: %s", stored)
	}
	pulled, err := canon.Encode([]byte(strings.ReplaceAll(stored, "}],", "\t} ]\n, ")))
	if err != nil || string(pulled) != stored {
		t.Errorf("got %s, %v, want %s", pulled, err, stored)
	}
	if again := canonical(t, stored, "p"); again == stored {
		t.Error("coercing again changes nothing here: the test proves nothing")
	}
	sent, err := canon.Of(engram.Gen1).ForPush([]byte(pushed), "p")
	if err != nil || canonical(t, string(sent), "p") != string(sent) {
		t.Errorf("what is sent changes on the server: %s, %v", sent, err)
	}
}

func TestForPushHasNoNegativeZero(t *testing.T) {
	data := `{"a":[-0,-0.0,-1e-400],"b":-0,"sessions":[{"id":"s","directory":"/","x":-0}]}`
	sent, err := canon.Of(engram.Gen1).ForPush([]byte(data), "p")
	want := `{"a":[0,0,0],"b":0,"sessions":[{"directory":"/","id":"s","project":"p","x":0}]}`
	if err != nil || string(sent) != want {
		t.Errorf("got %s, %v, want %s", sent, err, want)
	}
	if got := canonical(t, data, "p"); strings.Count(got, "-0") != 5 {
		t.Errorf("Canonical lost the id of -0: %s", got)
	}
}

func TestRefusalsNameTheRow(t *testing.T) {
	for data, want := range map[string]canon.RowError{
		`{"prompts":5}`:              {List: "prompts", Index: -1, Reason: canon.NotRows},
		`{"sessions":{}}`:            {List: "sessions", Index: -1, Reason: canon.NotRows},
		`{"observations":[{},null]}`: {List: "observations", Index: 1, Reason: canon.NotObject},
		`{"prompts":[{"x":1e999}]}`:  {List: "prompts", Index: 0, Reason: canon.TooBig},
		`{"x":1e999}`:                {List: "x", Index: -1, Reason: canon.TooBig},
	} {
		_, err := canon.Of(engram.Gen1).Canonical([]byte(data), "p")
		var row *canon.RowError
		if !errors.As(err, &row) || *row != want {
			t.Errorf("%s: got %v, want %v", data, err, &want)
		}
	}
}

func TestErrorsShowNoStrangersControlCharacters(t *testing.T) {
	key, _ := json.Marshal("\x1b[31m" + strings.Repeat("x", 500))
	_, err := canon.Of(engram.Gen1).Canonical([]byte(`{`+string(key)+`:1e999}`), "p")
	if err == nil || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 200 {
		t.Errorf("got %q", err)
	}
}
