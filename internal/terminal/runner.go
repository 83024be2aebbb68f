package terminal

import (
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/secret"
)

// Read says that a runner of GitHub Actions, or one of its kin, reads both streams. It obeys
// lines that begin with "::" and a word that it knows, and what follows "##[" anywhere in one:
// from now on a stranger's words are neither.
func (t *Terminal) Read() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runner = true
	t.Stdout.stream.read()
	t.stderr.read()
}

// SetLogFormat chooses how stderr is written: "text", "json", "github", or "auto", which is "github"
// where a runner reads it, and nobody asked for JSON.
func (t *Terminal) SetLogFormat(format string) {
	t.format = format
	if format == "github" {
		t.Read()
	}
}

// Annotates says whether errors and warnings are commands for a runner, which shows them
// beside the file that they are about. It is true in JSON mode only if somebody asked for both.
func (t *Terminal) Annotates() bool {
	switch t.format {
	case "github":
		return true
	case "text", "json":
		return false
	}
	return t.runner && !t.JSON && !isTerminal(t.stderr.raw)
}

// Place is what an error or a warning is about, for a runner to show: the zero value is none.
type Place struct {
	File string // its path from the top of the repository, with slashes; "" if there is none
	Line int    // from 1; 0 where it is about the whole
}

// Tells says whether errors of single items are lines: in JSON mode they stand in the document.
func (t *Terminal) Tells() bool { return !t.JSON || t.Annotates() }

// annotate writes a command for the runner: level is error or warning.
func (t *Terminal) annotate(level string, at Place, message string) {
	if at.File != "" {
		level += " file=" + inProperty.Replace(plain(at.File))
		if at.Line > 0 {
			level += ",line=" + strconv.Itoa(at.Line)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bar != nil {
		t.bar.clear()
	}
	_, _ = io.WriteString(t.stderr.text, "::"+level+"::"+inMessage.Replace(plain(message))+"\n") // there is nowhere to report it
}

// plain is a text on one line without secrets, before anything in it is written as an escape
// by which they would not be known.
func plain(text string) string {
	return strings.ReplaceAll(safetext.Escape(secret.Redact(text)), "\n", `\n`)
}

// What the runner takes out of a message again, and out of a property beside that.
var (
	inMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	inProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// inert keeps what goes through it from being a command: a character of each "::" and "##["
// that would begin one becomes a JSON escape, so that JSON means the same.
type inert struct {
	next   io.Writer
	within bool // this line has begun: a letter or sign of ASCII is on it
	colon  bool // which is a colon, and the last byte
	hashes int  // how many # came last
}

func (i *inert) Write(p []byte) (int, error) {
	var b strings.Builder
	for _, c := range p {
		switch {
		case c == ':' && i.colon:
			b.WriteString(`\u003a`)
		case c == '[' && i.hashes >= 2:
			b.WriteString(`\u005b`)
		default:
			b.WriteByte(c)
		}
		i.colon = c == ':' && !i.within
		// The runner passes over blanks of all scripts, so what is not ASCII begins no line.
		i.within = c != '\n' && (i.within || c > ' ' && c < utf8.RuneSelf)
		if i.hashes++; c != '#' {
			i.hashes = 0
		}
	}
	if _, err := io.WriteString(i.next, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
