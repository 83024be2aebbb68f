package git

import (
	"slices"
	"strings"
)

// attributes is the text of a .gitattributes file.
type attributes string

// attributePattern is a path, from the directory of the file, as a pattern
// that means just this path (gitattributes(5)), or what glob means right below it.
func attributePattern(path, glob string) string {
	if !strings.Contains(path, "/") {
		path = "/" + path // else it would mean files of this name in all directories
	}
	var b strings.Builder
	quote := false
	for i, c := range []byte(path) {
		switch {
		case strings.IndexByte(`*?[\`, c) >= 0, i == 0 && (c == '#' || c == '!'):
			b.WriteByte('\\')
		case c <= ' ' || c == '"' || c == 0x7f:
			quote = true
		}
		b.WriteByte(c)
	}
	if glob != "" {
		b.WriteString("/" + glob)
	}
	if !quote {
		return b.String()
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`, "\n", `\n`).Replace(b.String()) + `"`
}

// attributeLine is a line of the file, taken apart.
type attributeLine struct {
	pattern string // as it is written
	words   []string
	end     string // "\n", "\r\n", or "" at the end of the file
}

func parseAttributeLine(line string) attributeLine {
	body := strings.TrimRight(line, "\r\n")
	l := attributeLine{end: line[len(body):]}
	body = strings.TrimLeft(body, " \t")
	if strings.HasPrefix(body, "#") {
		return l
	}
	end := strings.IndexAny(body, " \t")
	if strings.HasPrefix(body, `"`) {
		end = quotedLength(body)
	}
	if end < 0 {
		end = len(body)
	}
	l.pattern, l.words = body[:end], strings.Fields(body[end:])
	return l
}

// quotedLength is the length of the quoted word that text begins with, -1 if it
// does not end.
func quotedLength(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// isAbout says whether the line is about just this pattern.
func (l attributeLine) isAbout(pattern string) bool {
	return l.pattern == pattern || l.pattern == "/"+pattern
}

// choice is a pattern, and the kind of driver that is chosen for it.
type choice struct {
	pattern string
	kind    Kind
}

// word chooses our driver, and line does so for the pattern.
func (c choice) word() string { return string(c.kind) + "=" + driver }
func (c choice) line() string { return c.pattern + " " + c.word() }

// word is the place of the word that chooses the driver of a kind, or -1. Of several git
// takes the last.
func (l attributeLine) word(kind Kind) int {
	k := string(kind)
	for at, word := range slices.Backward(l.words) {
		if word == k || word == "-"+k || word == "!"+k || strings.HasPrefix(word, k+"=") {
			return at
		}
	}
	return -1
}

// install makes our driver the one that is chosen: a line that chooses another for the pattern
// is changed, else one is added. replaced are the lines that were changed.
func (a attributes) install(c choice) (out attributes, replaced []string) {
	var b strings.Builder
	found := false
	for line := range strings.Lines(string(a)) {
		l := parseAttributeLine(line)
		if at := l.word(c.kind); at >= 0 && l.isAbout(c.pattern) {
			found = true
			if l.words[at] != c.word() {
				replaced = append(replaced, strings.TrimSuffix(line, l.end))
				line = c.ours(line)
			}
		}
		b.WriteString(line)
	}
	if !found {
		end := "\n"
		if strings.Contains(string(a), "\r\n") {
			end = "\r\n"
		}
		if a.unfinished() {
			b.WriteString(end)
		}
		b.WriteString(c.line() + end)
	}
	return attributes(b.String()), replaced
}

// unfinished says whether the last line has no end.
func (a attributes) unfinished() bool { return a != "" && !strings.HasSuffix(string(a), "\n") }

// ours is a line with our driver in the place of the one that it chooses.
func (c choice) ours(line string) string {
	l := parseAttributeLine(line)
	l.words[l.word(c.kind)] = c.word()
	return l.pattern + " " + strings.Join(l.words, " ") + l.end
}

// uninstall takes our driver out. replaced are lines that install has changed, in their
// order: of several that became the same one, each comes back in its own place.
func (a attributes) uninstall(c choice, replaced []string) attributes {
	replaced = slices.DeleteFunc(slices.Clone(replaced), func(before string) bool { // lines about something else
		return parseAttributeLine(before).word(c.kind) < 0
	})
	var b strings.Builder
	left := slices.Clone(replaced)
	for line := range strings.Lines(string(a)) {
		l := parseAttributeLine(line)
		at := l.word(c.kind)
		if at < 0 || l.words[at] != c.word() || !l.isAbout(c.pattern) {
			b.WriteString(line)
			continue
		}
		body := strings.TrimSuffix(line, l.end)
		same := func(before string) bool { return c.ours(before) == body }
		was, once := slices.IndexFunc(replaced, same), slices.IndexFunc(left, same)
		switch {
		case once >= 0:
			b.WriteString(left[once] + l.end)
			left = slices.Delete(left, once, once+1)
		case was >= 0: // the line stands here more often than it was changed
			b.WriteString(replaced[was] + l.end)
		case len(l.words) > 1:
			b.WriteString(l.pattern + " " + strings.Join(slices.Delete(l.words, at, at+1), " ") + l.end)
		}
	}
	return attributes(b.String())
}

// usesOurDriver says whether any line chooses one of ours.
func (a attributes) usesOurDriver() bool {
	for line := range strings.Lines(string(a)) {
		l := parseAttributeLine(line)
		if slices.Contains(l.words, choice{kind: Merge}.word()) || slices.Contains(l.words, choice{kind: Diff}.word()) {
			return true
		}
	}
	return false
}
