package terminal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// filter makes of one JSON document what the user asked for, as text of one or more lines.
type filter func(ctx context.Context, w io.Writer, doc any) error

// FilterError is the failure of --jq or --template on a document that was made: the work itself is done.
type FilterError struct {
	Flag string // its name, without dashes
	Err  error
}

func (e *FilterError) Error() string { return "--" + e.Flag + ": " + e.Err.Error() }
func (e *FilterError) Unwrap() error { return e.Err }

// Document prints the one JSON document of a result on stdout, or what --jq or --template make of it.
func (t *Terminal) Document(doc any) { t.document(t.Stdout, t.Stdout.Block(), doc) }

// document prints to whole what is one line, and to lines what the user's filter wrote.
func (t *Terminal) document(whole, lines io.Writer, doc any) {
	if t.filter == nil {
		PrintJSON(whole, doc)
		return
	}
	ctx := t.until
	if ctx == nil {
		ctx = context.Background()
	}
	text, err := filtered(ctx, t.filter, doc)
	_, _ = lines.Write(text) // what came before an error is shown, as jq does; stdout remembers its error
	switch {
	case err == nil || t.Stdout.Err() != nil:
	case ctx.Err() != nil:
		t.Stdout.err = context.Cause(ctx)
	default:
		t.Stdout.err = &FilterError{t.filteredBy, err}
	}
}

// Until has the user's filters end with ctx, which is the run's: a jq expression may go on for ever.
func (t *Terminal) Until(ctx context.Context) { t.until = ctx }

func filtered(ctx context.Context, f filter, doc any) ([]byte, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber() // a float would change a large one
	var plain any
	if err := numbers.Decode(&plain); err != nil {
		return nil, err
	}
	var shown bytes.Buffer
	err = f(ctx, &shown, plain)
	return shown.Bytes(), err
}

// Filtered says which flag chooses of the JSON what is printed, without its dashes; "" is none.
func (t *Terminal) Filtered() string { return t.filteredBy }

// FilterFlag is the value of a flag whose argument makes a filter; giving it asks for JSON too. It
// has the methods of a flag's value, and is for one command line.
type FilterFlag struct {
	term       *Terminal
	name, noun string
	compile    func(text string) (filter, error)
	text       string
}

// JQ is the value of --jq.
func (t *Terminal) JQ() *FilterFlag {
	return &FilterFlag{term: t, name: "jq", noun: "jq expression", compile: compileJQ}
}

// Template is the value of --template.
func (t *Terminal) Template() *FilterFlag {
	return &FilterFlag{term: t, name: "template", noun: "Go template", compile: compileTemplate}
}

func (f *FilterFlag) String() string { return f.text }

// Type is the kind of value, as a list of flags has it.
func (f *FilterFlag) Type() string { return f.noun }

// Set compiles the argument, so that one which cannot be followed ends the run before anything is done.
func (f *FilterFlag) Set(text string) error {
	if f.term.filter != nil {
		return errors.New("does not go with another --jq or --template")
	}
	compiled, err := f.compile(text)
	if err != nil {
		return fmt.Errorf("takes a %s, and cannot read this one: %w", f.noun, err)
	}
	f.text = text
	f.term.filter, f.term.filteredBy, f.term.JSON = compiled, f.name, true
	return nil
}
