package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/secret"
)

// hostile holds what a terminal obeys: escape sequences of both sets, marks that turn
// the direction of writing, line ends of all kinds, and bytes that are no text.
const hostile = "a\x1b[31mb\u009bc\x9bd\u202ee\u2066f\rg\nh\ti\u2028j\x00k\x7fl\u200bm\x07n\xffo"

// whoever prints prints through here, so that no caller has to think of it.
func everythingPrinted(t *testing.T, json bool, text string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	term := New(strings.NewReader(""), &out, &errs)
	term.JSON, term.Verbose = json, true
	_ = term.Value(Fields{"name": text, text: 1}, "value "+text)
	_ = term.Table(Fields{"name": text}, "A\tB", func(row Row) { row("%s\t%v", text, errors.New(text)) })
	fmt.Fprintf(term.Stdout, "a line of %s\n", text)
	fmt.Fprintf(term.Stdout.Block(), "a block of %s\n", text)
	term.Fail(Failure{Message: text, Hint: text})
	term.Errorf("an error of %s", text)
	term.Warn(text)
	term.Note("a note of %s", text)
	for _, format := range []string{"text", "json"} {
		term.SetLogFormat(format)
		term.Logger().Warn(text, "attribute", text, "error", errors.New(text), text, 1)
	}
	term.Flush()
	if err := term.Stdout.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String()
}

func TestNothingATerminalObeys(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		stdout, stderr := everythingPrinted(t, asJSON, hostile)
		for name, text := range map[string]string{"stdout": stdout, "stderr": stderr} {
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\u009b\u202e\u2066\r\x00\x7f\u2028\u200b\x07") {
				t.Errorf("JSON %v: %s: %q", asJSON, name, text)
			}
		}
	}
	stdout, stderr := everythingPrinted(t, false, "one\ntwo\tthree")
	// A block may have lines, so it is the one that shows two.
	if n := strings.Count(stdout, "\n"); n != 6 {
		t.Errorf("stdout has %d lines, want 6:\n%s", n, stdout)
	}
	if n := strings.Count(stderr, "\n"); n != 6 {
		t.Errorf("stderr has %d lines, want 6:\n%s", n, stderr)
	}
}

// The escapes are JSON's, so a document says what it said.
func TestJSONMeansTheSame(t *testing.T) {
	var out bytes.Buffer
	term := New(nil, &out, nil)
	PrintJSON(term.Stdout, map[string]string{"name": hostile})
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["name"] != strings.ToValidUTF8(hostile, "\ufffd") {
		t.Errorf("%v: %q", err, back["name"])
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	const token = "tok_2718281828459045<\"&"
	secret.Add(token)
	for _, asJSON := range []bool{false, true} {
		for _, text := range []string{token, token[:12], fmt.Sprintf("%q", token), hostile + token} {
			stdout, stderr := everythingPrinted(t, asJSON, text)
			if strings.Contains(stdout+stderr, token[:8]) {
				t.Errorf("%q with JSON %v:\n%s%s", text, asJSON, stdout, stderr)
			}
		}
	}
}

// What was asked for in so many words is shown, and data for a program is data.
func TestWhatMayHoldASecret(t *testing.T) {
	const token = "tok_31415926535897932384"
	secret.Add(token)
	var out bytes.Buffer
	term := New(nil, &out, nil)
	if err := term.Reveal(nil, token); err != nil || out.String() != token+"\n" {
		t.Errorf("%v: %q", err, out.String())
	}
	out.Reset()
	row := []byte(`{"payload":"` + token + "\u202e\"}\n")
	if _, err := term.Stdout.Lines().Write(row); err != nil || !bytes.Equal(out.Bytes(), row) {
		t.Errorf("%v: %q", err, out.String())
	}
}

// A character that comes in pieces is one.
func TestEscaperPutsCharactersTogether(t *testing.T) {
	text := "ä€\U0001f600\u009b."
	for i := range len(text) + 1 {
		var out bytes.Buffer
		e := &escaper{next: &out}
		for _, piece := range []string{text[:i], text[i:]} {
			if _, err := e.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
		if got := out.String(); got != "ä€\U0001f600\\u009b." {
			t.Errorf("%d: %q", i, got)
		}
	}
}
