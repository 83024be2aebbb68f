package pages

import (
	"cmp"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/rowtime"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/secret"
)

// functions are those of the templates.
var functions = template.FuncMap{
	"bold": func(s markdown.Span) bool { return s.Style == safetext.Bold }, "code": func(s markdown.Span) bool { return s.Style == safetext.Accent },
	"found": func(s markdown.Span) bool { return s.Style == safetext.Found }, "clock": clock, "clean": clean, "memoryLink": memoryLink,
	"exact": exact, "count": count,
}

const (
	// maxLine is how much of a title, a name or a reason is shown, in characters.
	maxLine = 300
	// maxBody and maxPart are how much of a text is shown where it is alone, and among others, in bytes.
	maxBody = 1 << 20
	maxPart = 32 << 10
)

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// clean is a stranger's text on one line, with what cannot be seen in it, or turns its direction, made visible.
func clean(text string) string {
	return safetext.Cut(strings.Join(strings.Fields(safetext.Escape(secret.Redact(text))), " "), maxLine)
}

// clock is a time of a chunk or a row for people, in UTC; what is none stays as it is.
func clock(text string) string {
	at := rowtime.Parse(text)
	if at.IsZero() {
		return clean(text)
	}
	return at.UTC().Format("2006-01-02 15:04")
}

// exact is a time for programs; "" where it is none.
func exact(text string) string {
	at := rowtime.Parse(text)
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// memoryLink leads to what has an identity.
func memoryLink(id string) string { return "memory?" + url.Values{"id": {id}}.Encode() }

// body is a text laid out, as much of it as may be shown.
type body struct {
	Blocks []markdown.Block
	Cut    int // bytes that are left out
}

func newBody(text string, most int) body {
	left := max(0, len(text)-most)
	if left > 0 {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return body{markdown.Blocks(secret.Redact(text)), left}
}

// row is a row as pages show it.
type row struct {
	history.Row
	Label string // its type, or kind
	Head  string
	Gone  bool
	Facts []fact
	Body  body
}

// fact is what is known besides. Link is where it leads; Time says that it is one.
type fact struct{ Name, Value, Link, Time string }

// newRow lays out a row. most is how much of its text is shown, titles those of what a relation relates.
func newRow(r history.Row, most int, titles map[string]string) row {
	out := row{Row: r, Label: label(r.Kind, r.Type), Head: clean(r.Headline()), Gone: r.State != history.Kept, Body: newBody(r.Content, most)}
	add := func(name, value string) {
		if value = clean(value); value != "" {
			out.Facts = append(out.Facts, fact{Name: name, Value: value})
		}
	}
	at := func(name, value string) {
		if value != "" {
			out.Facts = append(out.Facts, fact{Name: name, Value: clock(value), Time: exact(value)})
		}
	}
	link := func(name, value string) {
		if value != "" {
			out.Facts = append(out.Facts, fact{Name: name, Value: clean(value), Link: memoryLink(value)})
		}
	}
	made, changed := "written", "changed"
	if r.Kind == "session" {
		made, changed = "started", "ended"
	}
	if r.State != history.Removed {
		at(made, r.CreatedAt)
	}
	if r.UpdatedAt != r.CreatedAt {
		at(changed, r.UpdatedAt)
	}
	at("deleted", r.DeletedAt)
	add("project", r.Project)
	if r.Session != r.ID {
		link("session", r.Session)
	}
	if r.Scope != "project" {
		add("scope", r.Scope)
	}
	add("topic", r.Topic)
	add("tool", r.Tool)
	add("directory", r.Directory)
	at("review after", r.Review)
	if r.Kind == "relation" {
		out.Head = clean(history.Related(r.Source, r.Relation, r.Target, titles))
	}
	for _, end := range []struct{ name, id string }{{"from", r.Source}, {"to", r.Target}} {
		if end.id != "" {
			out.Facts = append(out.Facts, fact{Name: end.name, Value: clean(cmp.Or(titles[end.id], end.id)), Link: memoryLink(end.id)})
		}
	}
	add("judgment", r.Judgment)
	add("by", r.Actor)
	id := "id"
	if r.Derived {
		id = "without an id"
	}
	add(id, r.ID)
	return out
}

// label is the word for what a row is.
func label(kind, of string) string {
	if kind == "observation" {
		return cmp.Or(clean(of), "memory")
	}
	return clean(kind)
}
