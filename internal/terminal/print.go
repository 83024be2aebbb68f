package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// Schema is the number of the JSON shapes of the results. It changes when a
// field goes or changes its meaning.
const Schema = 1

// Fields is a small result in JSON mode; the schema is added.
type Fields map[string]any

// MarshalJSON adds the schema.
func (f Fields) MarshalJSON() ([]byte, error) {
	all := maps.Clone(map[string]any(f))
	all["schema"] = Schema
	return json.Marshal(all)
}

// Result prints a result: in JSON mode the document, else what text prints.
func (t *Terminal) Result(doc any, text func(w io.Writer) error) error {
	if t.JSON {
		t.Document(doc)
		return nil
	}
	return text(t.Stdout)
}

// Reveal is Value for a secret that was asked for: the one text that may hold it.
func (t *Terminal) Reveal(doc any, line string) error {
	if t.JSON {
		t.document(reveal{t.Stdout}, reveal{t.Stdout}, doc)
		return nil
	}
	_, err := fmt.Fprintln(reveal{t.Stdout}, line)
	return err
}

// Value prints a result that was asked for in so many words: a line that quiet
// does not silence.
func (t *Terminal) Value(doc any, line string) error {
	return t.Result(doc, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, line)
		return err
	})
}

// Confirm says in a line what was done, unless quiet.
func (t *Terminal) Confirm(doc any, line string) error {
	if t.Quiet && !t.JSON {
		return nil
	}
	return t.Value(doc, t.Typed(line))
}

// PrintJSON writes one document on one line.
func PrintJSON(w io.Writer, doc any) {
	text, err := json.Marshal(doc)
	if err != nil {
		text = []byte(`{"error":{"code":1,"kind":"failed","class":"unexpected","message":"encode the output","hint":""}}`)
	}
	_, _ = w.Write(append(text, '\n')) // there is nowhere to report it
}

// Failure is an error as it is shown.
type Failure struct {
	Code    int    `json:"code"`
	Kind    string `json:"kind"`
	Class   string `json:"class"` // what docs/troubleshooting.md says more about
	Message string `json:"message"`
	Hint    string `json:"hint"` // the next step; "" where the message names it
	At      Place  `json:"-"`
}

// Fail says what failed, why, and what to do, on one line.
func (t *Terminal) Fail(f Failure) {
	if t.JSON && !t.Annotates() {
		f.Message, f.Hint = t.Typed(f.Message), t.Typed(f.Hint)
		PrintJSON(t.Stderr(), map[string]Failure{"error": f})
		return
	}
	if f.Hint != "" {
		f.Message += "; " + f.Hint
	}
	if t.Verbose {
		f.Message += " [" + f.Class + "]"
	}
	t.ErrorAt(f.At, f.Message)
}

// Errorf prints the line of an error, for people.
func (t *Terminal) Errorf(format string, args ...any) {
	t.ErrorAt(Place{}, fmt.Sprintf(format, args...))
}

// ErrorAt prints the line of an error that is about a place.
func (t *Terminal) ErrorAt(at Place, message string) {
	message = t.Typed(message)
	if t.Annotates() {
		t.annotate("error", at, message)
		return
	}
	fmt.Fprintf(t.Stderr(), "error: %s\n", message)
}

// Warn tells the user something that is no failure.
func (t *Terminal) Warn(message string) { t.WarnAt(Place{}, message) }

// WarnAt is Warn about a place.
func (t *Terminal) WarnAt(at Place, message string) {
	message = t.Typed(message)
	switch {
	case t.Annotates():
		if !t.Quiet {
			t.annotate("warning", at, message)
		}
	case t.JSON:
		PrintJSON(t.Stderr(), map[string]any{"warning": map[string]string{"message": message}})
	case !t.Quiet:
		fmt.Fprintf(t.Stderr(), "warning: %s\n", message)
	}
}

// Note tells the user what is going on, where somebody reads along.
func (t *Terminal) Note(format string, args ...any) {
	if !t.JSON && !t.Quiet {
		fmt.Fprintln(t.Stderr(), t.Typed(fmt.Sprintf(format, args...)))
	}
}

// OneLine is a text without line breaks, as errors are printed.
func OneLine(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ") // between joined errors
	return strings.Join(strings.Fields(s), " ")
}

// Visible is a stranger's text as it may stand in a table: as it is if it is
// plain, quoted if it holds anything that a terminal would obey.
func Visible(s string) string {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsGraphic(r) }) {
		return strconv.QuoteToGraphic(s)
	}
	return s
}

// Size is a number of bytes for people.
func Size(n int64) string { return humanize.Bytes(uint64(max(0, n))) }

// Count is a number with its noun.
func Count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "ry"):
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return fmt.Sprintf("%s %ss", humanize.Comma(int64(n)), noun)
}
