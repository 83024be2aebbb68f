package docs

import (
	"slices"
	"strings"
	"testing"
)

// TestChangelog holds the list of changes to its form: under a release there are sections, and in them an entry a line,
// once. A merge that brings an older form of the file back (union, say) does not pass.
func TestChangelog(t *testing.T) {
	var seen []string
	release, section := "", ""
	for line := range strings.Lines(read(t, "../CHANGELOG.md")) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			release, section = line, ""
		case strings.HasPrefix(line, "### "), strings.HasPrefix(line, "#### "):
			section = line
		case section == "" && strings.HasPrefix(line, "- "):
			t.Errorf("%s has an entry in no section: %q", release, line)
		case section == "" || line == "":
			continue
		case !strings.HasPrefix(line, "- "):
			t.Errorf("%s %s has what is no entry of one line: %q", release, section, line)
		case len(line) > 300:
			t.Errorf("%s %s has an entry of %d characters: %q", release, section, len(line), line)
		}
		if line != "" && slices.Contains(seen, release+line) {
			t.Errorf("%s has a line twice: %q", release, line)
		}
		seen = append(seen, release+line)
	}
}
