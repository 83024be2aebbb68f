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
		"          are in no chunk: run `engram-",
	}
	if len(got) < 6 || !slices.Equal(got[:3], want[:3]) || strings.Contains(strings.Join(got, "\n"), "…") {
		t.Errorf("sentences go on below themselves:\n%s", strings.Join(got, "\n"))
	}
	if got := fit([][]string{{"a", strings.Repeat("界", 30)}}, 40, true); markdown.Width(got[0][1]) > 37 {
		t.Errorf("wide letters: %q", got)
	}
}
