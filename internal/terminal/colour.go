package terminal

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/safetext"
)

// sgr is what a terminal is told for each mark of package safetext, in their order. The sixteen colours of the
// user's own theme are enough.
var sgr = [...]string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[1;33m", "\x1b[32m", "\x1b[31m"}

// SetColour chooses whether text on stdout has colours: "always", "never", or "auto": see Colour.
func (t *Terminal) SetColour(when string) { t.colour = when }

// Colour says whether text on stdout may have colours: as SetColour has it, or else on a terminal only, and not if the user
// does not want any (NO_COLOR, TERM=dumb, CLICOLOR=0).
func (t *Terminal) Colour() bool {
	switch {
	case t.paged != nil:
		return t.paged.colour
	case t.colour == "always":
		return true
	case t.colour == "never":
		return false
	}
	return t.Stdout.IsTerminal() && t.env("NO_COLOR") == "" && t.env("TERM") != "dumb" && t.env("CLICOLOR") != "0"
}

// env is a variable of the user's environment.
func (t *Terminal) env(name string) string {
	if t.Getenv == nil {
		return ""
	}
	return t.Getenv(name)
}

// Styled is Block for text that has marks of package safetext in it: they become colours, or nothing. A stranger's
// text has to be escaped before it comes among them.
func (t *Terminal) Styled() io.Writer {
	return styled{t.Stdout.stream.escaper(t.Colour()), t.Stdout.Block()}
}

type styled struct {
	escaper *escaper
	next    io.Writer
}

func (s styled) Write(p []byte) (int, error) {
	if s.escaper == nil {
		if _, err := io.WriteString(s.next, safetext.Unmarked(string(p))); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return s.next.Write(p)
}

// paint escapes a text, and makes colours of its marks.
func paint(text string) string {
	if !strings.Contains(text, "\xef\xb7") { // with which all marks begin
		return safetext.Escape(text)
	}
	var b strings.Builder
	for text != "" {
		at := strings.IndexFunc(text, safetext.IsMark)
		if at < 0 {
			b.WriteString(safetext.Escape(text))
			break
		}
		mark, n := utf8.DecodeRuneInString(text[at:])
		b.WriteString(safetext.Escape(text[:at]))
		b.WriteString(sgr[mark-0xFDD0])
		text = text[at+n:]
	}
	return b.String()
}
