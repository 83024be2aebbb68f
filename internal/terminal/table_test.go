package terminal

import (
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/markdown"
)

func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	list := [][]string{
		{"ID", "CREATED", "BY", "WHERE"},
		{"c830cde8", "3 days ago", "somebody-with-a-long-name", "here, there"},
		{"7f822b00", "2 weeks ago", "vm", "here"},
	}
	sentences := [][]string{
		{"remote", "https://engram.example.com (account server): 3 chunks"},
		{"memories", "14 memories and 2 deletions are not exported yet: run `engram-sync export`"},
		{"pull", ""},
	}
	clone := func(rows [][]string) (copied [][]string) {
		for _, row := range rows {
			copied = append(copied, slices.Clone(row))
		}
		return copied
	}
	lines := func(rows [][]string) (joined []string) {
		var wide []int
		for _, row := range rows {
			for i, cell := range row {
				if i == len(wide) {
					wide = append(wide, 0)
				}
				wide[i] = max(wide[i], markdown.Width(cell))
			}
		}
		for _, row := range rows {
			line := ""
			for i, cell := range row {
				line += cell + strings.Repeat(" ", wide[i]-markdown.Width(cell)+gap)
			}
			joined = append(joined, strings.TrimRight(line, " "))
		}
		return joined
	}
	for _, columns := range []int{40, 60, 80, 200} {
		for _, line := range append(lines(fit(clone(list), columns, true)), lines(fit(clone(sentences), columns, false))...) {
			if markdown.Width(line) > columns {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
	}
	if got := lines(fit(clone(list), 46, true))[1]; got != "c830cde8  3 days ago   somebo…  here, there" && !strings.Contains(got, "…") {
		t.Errorf("the widest cell is cut: %q", got)
	}
	if got := fit(clone(list), 80, true); !slices.EqualFunc(got, list, slices.Equal[[]string]) {
		t.Errorf("what fits is changed: %q", got)
	}
	got := lines(fit(clone(sentences), 40, false))
	want := []string{
		"remote    https://engram.example.com",
		"          (account server): 3 chunks",
		"memories  14 memories and 2 deletions",
	}
	if len(got) < 6 || !slices.Equal(got[:3], want) || strings.Contains(strings.Join(got, "\n"), "…") {
		t.Errorf("sentences go on below themselves:\n%s", strings.Join(got, "\n"))
	}
	findings := [][]string{
		{"fail", "token", "there is none, and the server wants one; run `engram-sync login`"},
		{"skipped", "merge-driver", "no git work tree"},
		{"1 failure, 0 warnings, 0 ok, 1 skipped"},
	}
	below := [][]string{
		{"fail", "token"}, {"  there is none, and the server wants"}, {"  one; run `engram-sync login`"},
		{"skipped", "merge-driver"}, {"  no git work tree"}, {"1 failure, 0 warnings, 0 ok, 1 skipped"},
	}
	if got := fit(clone(findings), 38, false); !slices.EqualFunc(got, below, slices.Equal[[]string]) {
		t.Errorf("sentences for which there is no room stand below: %q", got)
	}
	if got := fit(clone(findings), 60, false)[0]; got[2] != "there is none, and the server wants" {
		t.Errorf("a line that is in no column takes room from them: %q", got)
	}
	if got := fit([][]string{{"a", strings.Repeat("界", 30)}}, 40, true); markdown.Width(got[0][1]) > 37 {
		t.Errorf("wide letters: %q", got)
	}
}
