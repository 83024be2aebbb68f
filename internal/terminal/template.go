package terminal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// compileTemplate gives a filter that fills a Go template with the document. Beside what text/template knows there are
// the functions that gh has: join, json, pluck,
// tablerow, tablerender, timeago, timefmt, truncate.
func compileTemplate(text string) (filter, error) {
	if _, err := template.New("").Funcs(new(table).funcs()).Parse(text); err != nil {
		return nil, err
	}
	return func(_ context.Context, w io.Writer, doc any) error { // which has no loop without an end
		rows := new(table) // of one run
		parsed, err := template.New("").Funcs(rows.funcs()).Parse(text)
		if err != nil {
			return err
		}
		if err := parsed.Execute(w, doc); err != nil {
			return err
		}
		_, err = io.WriteString(w, rows.render())
		return err
	}, nil
}

// table holds the rows of a template until they are aligned.
type table struct{ rows []string }

func (t *table) add(cells ...any) string {
	t.rows = append(t.rows, strings.Join(texts(cells), "\t"))
	return ""
}

func (t *table) render() string {
	var aligned strings.Builder
	tab := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	for _, row := range t.rows {
		fmt.Fprintln(tab, row)
	}
	_ = tab.Flush() // a strings.Builder takes all
	t.rows = nil
	return aligned.String()
}

func (t *table) funcs() template.FuncMap {
	return template.FuncMap{
		"join": func(separator string, list []any) string { return strings.Join(texts(list), separator) },
		"json": func(value any) (string, error) {
			text, err := json.Marshal(value)
			return string(text), err
		},
		"pluck": func(member string, list []any) []any {
			var values []any
			for _, one := range list {
				if object, ok := one.(map[string]any); ok {
					values = append(values, object[member])
				}
			}
			return values
		},
		"tablerow":    t.add,
		"tablerender": t.render,
		"timeago": func(text string) (string, error) {
			at, err := time.Parse(time.RFC3339, text)
			return humanize.Time(at), err
		},
		"timefmt": func(layout, text string) (string, error) {
			at, err := time.Parse(time.RFC3339, text)
			return at.Format(layout), err
		},
		"truncate": func(length int, text string) string {
			if utf8.RuneCountInString(text) <= length {
				return text
			}
			return string([]rune(text)[:max(0, length-1)]) + "…"
		},
	}
}

func texts(list []any) []string {
	words := make([]string, len(list))
	for i, value := range list {
		if value != nil {
			words[i] = fmt.Sprint(value)
		}
	}
	return words
}
