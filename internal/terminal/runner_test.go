package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/testkit/actions"
)

// commanding are words by which a stranger would like to talk to the runner.
var commanding = []string{
	"::add-mask::a", "a\n::set-env name=PATH::/evil", " \t::stop-commands::x", "\u00a0\u2003::error::a", "\r::error::a", "::debug::",
	"##[add-mask]a", "it is ##[error]a", "###[set-output name=x;]a", "#\n##[group]a", "%0A::error::a", "::error file=x::a%0A::warning::b",
	"::\x1b::error::a", "\x85::error::a", "é::error::a",
}

func TestNobodyElseTalksToTheRunner(t *testing.T) {
	for _, format := range []string{"auto", "text", "json", "github"} {
		for _, asJSON := range []bool{false, true} {
			for _, words := range commanding {
				var out, errs bytes.Buffer
				term := New(nil, &out, &errs)
				term.JSON, term.Verbose = asJSON, true
				term.Read()
				term.SetLogFormat(format)
				term.ErrorAt(Place{File: words, Line: 3}, words)
				term.Warn(words)
				term.Note("%s", words)
				term.Logger().Warn(words, "attribute", words)
				_ = term.Value(Fields{"name": words, words: 1}, words)
				_ = term.Table(Fields{"name": words}, "", func(row Row) { row("%s\t%s", words, words) })
				for i := range words { // in pieces, cut anywhere
					block := term.Stdout.Block()
					fmt.Fprint(block, "\n", words[:i])
					fmt.Fprint(block, words[i:], "\n")
				}
				term.Flush()
				if found := actions.Commands(out.String()); len(found) > 0 {
					t.Errorf("%s, JSON %v, %q: stdout says %+v", format, asJSON, words, found)
				}
				want := 0
				if term.Annotates() {
					want = 2
				}
				if found := actions.Commands(errs.String()); len(found) != want {
					t.Errorf("%s, JSON %v, %q: stderr says %+v", format, asJSON, words, found)
				}
			}
		}
	}
}

func TestAnnotations(t *testing.T) {
	var out, errs bytes.Buffer
	term := New(nil, &out, &errs)
	term.Read()
	term.ErrorAt(Place{File: "a, b: 50%0A\n/x.gz"}, "chunk x: 100%0A ::\nwrong")
	term.ErrorAt(Place{File: ".engram/manifest.json", Line: 12}, "cannot read")
	term.Warn("odd")
	term.Quiet = true
	term.Warn("not told")
	term.Fail(Failure{Message: "no answer", Hint: "try again"})
	term.Flush()
	want := []actions.Command{
		{Name: "error", Properties: map[string]string{"file": `a, b: 50%0A\n/x.gz`}, Data: `chunk x: 100%0A ::\nwrong`},
		{Name: "error", Properties: map[string]string{"file": ".engram/manifest.json", "line": "12"}, Data: "cannot read"},
		{Name: "warning", Properties: map[string]string{}, Data: "odd"},
		{Name: "error", Properties: map[string]string{}, Data: "no answer; try again"},
	}
	if d := cmp.Diff(want, actions.Commands(errs.String())); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// The escapes of a command must not hide a secret from the writer that takes it out.
func TestNoSecretIsAnnotated(t *testing.T) {
	for _, token := range []string{"tok/%ba6dc41+", "tok/,ba6dc42:+7e8", "tok\nba6dc43:%7e8"} {
		secret.Add(token)
		var errs bytes.Buffer
		term := New(nil, io.Discard, &errs)
		term.SetLogFormat("github")
		term.ErrorAt(Place{File: token}, token)
		term.Flush()
		if strings.Contains(errs.String(), "ba6dc4") {
			t.Errorf("%q", errs.String())
		}
	}
}

func TestWhenTheRunnerIsTalkedTo(t *testing.T) {
	for _, test := range []struct {
		format       string
		runner, json bool
		want         string // the beginning of an error
	}{
		{"auto", false, false, "error: "},
		{"auto", true, false, "::error::"},
		{"auto", true, true, `{"error"`},
		{"text", true, false, "error: "},
		{"json", true, false, "error: "},
		{"github", false, false, "::error::"},
		{"github", true, true, "::error::"},
	} {
		var errs bytes.Buffer
		term := New(nil, io.Discard, &errs)
		if term.JSON = test.json; test.runner {
			term.Read()
		}
		term.SetLogFormat(test.format)
		term.Fail(Failure{Message: "a"})
		term.Flush()
		if !strings.HasPrefix(errs.String(), test.want) {
			t.Errorf("%+v: %q", test, errs.String())
		}
	}
}

func TestInertJSONMeansTheSame(t *testing.T) {
	for _, words := range commanding {
		var out bytes.Buffer
		term := New(nil, &out, io.Discard)
		term.Read()
		PrintJSON(term.Stdout, map[string]string{"name": words})
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["name"] != strings.ToValidUTF8(words, "\ufffd") {
			t.Errorf("%v: %q", err, back["name"])
		}
	}
}
