package look

import (
	"bufio"
	"os"

	"github.com/engram-sync/engram-sync/internal/cli/look/places"
)

// convert writes the text of a file for git, which compares it with that of another version: nothing of it depends on where
// or when it is made. A file that cannot be read is a line, since git would end with an error.
func (s *show) convert(path string) error {
	rows, _, err := places.ReadFile(s.ws, path)
	sheet := &sheet{Writer: bufio.NewWriterSize(s.term.Styled(), 32<<10), columns: convertColumns}
	info, statErr := os.Stat(path)
	switch {
	case err != nil && statErr == nil && info.Size() == 0: // as git has it where there was no file
	case err != nil:
		sheet.line("(", clean(places.Reason(err)), ")")
	default:
		sheet.rows(rows)
	}
	return sheet.Flush()
}

// convertColumns is the width of what git compares.
const convertColumns = 80
