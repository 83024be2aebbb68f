// Package docs holds the pages to their word: it has nothing but tests.
package docs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// page is a document, and what can be cited of it.
type page struct {
	sections map[string]bool // "4.1", "9.11" (an item or a row of section 9), "T3"
	anchors  map[string]bool // of its headings, as GitHub makes them
}

var (
	heading = regexp.MustCompile(`^#+ +((\d+(?:\.\d+)*)?.*)$`)
	item    = regexp.MustCompile(`^(?:(\d+)\. |\| (\d+) \|)`)
	mark    = regexp.MustCompile(`^[*-] (?:\*\*)?([AT]\d+) `)
	noSlug  = regexp.MustCompile(`[^\p{L}\p{N} _-]+`)

	citation   = regexp.MustCompile(`([\w./-]*\w\.md)((?:,? (?:section )?` + ref + `(?:(?:, |/| and | to | \()` + ref + `)*)?)`)
	refs       = regexp.MustCompile(ref)
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inCode     = regexp.MustCompile("`((?:cmd|docs|internal|testdata)/[\\w./-]*)`")
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	namedTest  = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`")
	namedStory = regexp.MustCompile("`(\\w+\\.txtar)`")
	code       = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
)

const ref = `\b[AT]?\d+(?:\.\d+)*\b`

// TestCitations resolves what comments, stories and pages cite: the page has to
// exist, and the numbered section in it.
func TestCitations(t *testing.T) {
	pages := readPages(t)
	found := 0
	for _, s := range sources(t) {
		for _, text := range s.texts {
			for _, cited := range citation.FindAllStringSubmatch(text, -1) {
				found++
				p, ok := pages[pagePath(pages, s.path, cited[1])]
				if !ok {
					t.Errorf("%s cites %s, which is no page of docs: %q", s.path, cited[1], text)
					continue
				}
				for _, section := range refs.FindAllString(cited[2], -1) {
					if !p.sections[section] {
						t.Errorf("%s cites %s %s, a section that is not there: %q", s.path, cited[1], section, text)
					}
				}
			}
		}
	}
	if found < 100 {
		t.Errorf("found %d citations: are the comments read at all?", found)
	}
}

// TestLinks follows every link from page to page, to the heading.
func TestLinks(t *testing.T) {
	pages := readPages(t)
	for path := range pages {
		for _, l := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, path), ""), -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			target, anchor, _ := strings.Cut(l[1], "#")
			full := path
			if target != "" {
				full = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(full); err != nil {
				t.Errorf("%s links to %s, which is not there", path, l[1])
			} else if anchor != "" && !pages[full].anchors[anchor] {
				t.Errorf("%s links to %s: no such heading", path, l[1])
			}
		}
	}
}

// TestPaths looks up the files and directories that pages name. Those of protocol/ name engram's own.
func TestPaths(t *testing.T) {
	for path := range readPages(t) {
		if strings.Contains(filepath.ToSlash(path), "docs/protocol/") {
			continue
		}
		for _, named := range inCode.FindAllStringSubmatch(read(t, path), -1) {
			if _, err := os.Stat(filepath.Join("..", named[1])); err != nil {
				t.Errorf("%s names %s, which is not there", path, named[1])
			}
		}
	}
}

// TestNamedTests looks up the tests and stories that pages name as what holds a promise.
func TestNamedTests(t *testing.T) {
	funcs := map[string]bool{}
	stories := filepath.Join("..", "internal", "cli", "testdata", "script")
	for _, path := range files(t, func(name string) bool { return strings.HasSuffix(name, "_test.go") }) {
		for _, f := range testFunc.FindAllStringSubmatch(read(t, path), -1) {
			funcs[f[1]] = true
		}
	}
	for path := range readPages(t) {
		for _, named := range namedTest.FindAllStringSubmatch(read(t, path), -1) {
			if !funcs[named[1]] {
				t.Errorf("%s names %s, which is no test", path, named[1])
			}
		}
		for _, named := range namedStory.FindAllStringSubmatch(read(t, path), -1) {
			if _, err := os.Stat(filepath.Join(stories, named[1])); err != nil {
				t.Errorf("%s names %s, which is no story", path, named[1])
			}
		}
	}
}

// pagePath is where a page that somebody cites lies: by its path from the top or from the one that cites it, or
// by its name alone, which is enough as long as no two pages share it.
func pagePath(pages map[string]page, from, cited string) string {
	for _, path := range []string{filepath.Join("..", cited), filepath.Join(filepath.Dir(from), cited), cited} {
		if _, ok := pages[path]; ok {
			return path
		}
	}
	var match string
	for path := range pages {
		if filepath.Base(path) == cited {
			if match != "" {
				return ""
			}
			match = path
		}
	}
	return match
}

func readPages(t *testing.T) map[string]page {
	t.Helper()
	pages := map[string]page{}
	for _, path := range files(t, func(name string) bool { return strings.HasSuffix(name, ".md") }) {
		p := page{sections: map[string]bool{}, anchors: map[string]bool{}}
		section := ""
		for line := range strings.Lines(read(t, path)) {
			line = strings.TrimSuffix(line, "\n")
			if h := heading.FindStringSubmatch(line); h != nil {
				section = h[2]
				p.sections[section] = true
				slug := noSlug.ReplaceAllString(strings.ToLower(h[1]), "")
				p.anchors[strings.ReplaceAll(slug, " ", "-")] = true
			} else if i := item.FindStringSubmatch(line); i != nil && section != "" {
				p.sections[section+"."+i[1]+i[2]] = true
			} else if m := mark.FindStringSubmatch(line); m != nil {
				p.sections[m[1]] = true
			}
		}
		pages[path] = p
	}
	return pages
}

// source is a file that may cite pages, and its texts: comments, or paragraphs.
type source struct {
	path  string
	texts []string
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, path := range files(t, func(string) bool { return true }) {
		s := source{path: path}
		switch ext := filepath.Ext(path); {
		case ext == ".go":
			s.texts = goComments(t, path)
		case ext == ".txtar" || ext == ".yml" || ext == ".yaml" || ext == ".sh" || filepath.Base(path) == "Makefile":
			s.texts = hashComments(read(t, path))
		case ext == ".md":
			for paragraph := range strings.SplitSeq(read(t, path), "\n\n") {
				// Links are followed by TestLinks.
				s.texts = append(s.texts, oneLine(link.ReplaceAllString(paragraph, "]")))
			}
		}
		all = append(all, s)
	}
	return all
}

func goComments(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, group := range file.Comments {
		texts = append(texts, oneLine(group.Text()))
	}
	return texts
}

// hashComments are the comments of a file in which # begins one, those of lines that follow each other as one text.
func hashComments(text string) []string {
	texts := []string{""}
	for line := range strings.Lines(text) {
		if comment, ok := strings.CutPrefix(strings.TrimSpace(line), "#"); ok {
			texts[len(texts)-1] += comment
		} else if texts[len(texts)-1] != "" {
			texts = append(texts, "")
		}
	}
	return texts
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// files are the files of the repository that are written by hand, from its top.
func files(t *testing.T, want func(name string) bool) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "dist"):
			return fs.SkipDir
		case d.Type().IsRegular() && want(d.Name()):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
