// Package report makes of results what people look at: docs/performance.md and its pictures.
package report

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/testkit/bench"
)

// Run is what a page says of the run that it comes from.
type Run struct {
	Command     string // that repeats it
	Now, Before string // commits; Before is "" where nothing was compared with one
	Date, Took  string
	Runs        int
	Note        string // why the figures say less than those of a usual run; "" if they do not
	Machine     Machine
}

//go:embed page.md.tmpl
var pageText string

// profiles is a page that is written by hand, beside the one that is made here.
const profiles = "performance-profiles.md"

// section is a row on the page.
type section struct {
	Title, About, Table, Growth string
	Picture, PictureTitle       string // "" without one
}

// Write makes the page and its pictures below a directory, where docs is.
func Write(dir string, run Run, results []bench.Result) error {
	before := run.Before != ""
	data := struct {
		Run
		Summary  string
		Sections []section
		Profiles bool
	}{Run: run, Summary: summary(results, before)}
	pictures := filepath.Join(dir, "pictures")
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	for _, r := range results {
		s := section{Title: r.Title, About: r.About, Table: rowTable(r, before), Growth: growth(r, before)}
		if r.Plot != nil {
			if drawn := picture(r, before); drawn != "" {
				name := "performance-" + r.Plot.Name + ".svg"
				if err := write(filepath.Join(pictures, name), drawn); err != nil {
					return err
				}
				s.Picture, s.PictureTitle = "pictures/"+name, r.Plot.Title
			}
		}
		data.Sections = append(data.Sections, s)
	}
	_, err := os.Stat(filepath.Join(dir, profiles))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the page: %w", err)
	}
	data.Profiles = err == nil
	var page strings.Builder
	if err := template.Must(template.New("page").Parse(pageText)).Execute(&page, data); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return write(filepath.Join(dir, "performance.md"), page.String())
}

// anchor is the link to a heading, as GitHub makes it.
func anchor(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// write replaces a file in one piece.
func write(path, text string) error {
	file, err := atomicfile.Create(path, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := file.Write([]byte(text)); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), file.Discard())
	}
	if err := file.Commit(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
