package terminal

import (
	"bytes"
	"io"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/secret"
)

// stream is stdout or stderr. All text takes one way to it: secrets are taken out, and
// what a terminal would obey is written so that it is seen, in every mode, whoever
// reads. JSON stays JSON: there, such characters only stand inside of strings.
type stream struct {
	raw   io.Writer
	text  *secret.Writer
	words io.Writer // to text, by way of what a runner makes necessary
	safe  *escaper  // behind text
}

func newStream(raw io.Writer) *stream {
	safe := &escaper{next: raw}
	text := secret.NewWriter(safe)
	return &stream{raw: raw, text: text, words: text, safe: safe}
}

// read is Terminal.Read for one stream.
func (s *stream) read() {
	if s.words == s.text {
		s.words = &inert{next: s.text}
	}
}

// line writes what is one line whatever the names in it are.
func (s *stream) line(p []byte) (int, error) {
	text, end := bytes.CutSuffix(p, []byte("\n"))
	if bytes.IndexByte(text, '\n') < 0 {
		return s.words.Write(p)
	}
	text = bytes.ReplaceAll(text, []byte("\n"), []byte(`\n`))
	if end {
		text = append(text, '\n')
	}
	if _, err := s.words.Write(text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// escaper makes visible what a terminal would obey. A character that two writes cut
// in two waits for its end.
type escaper struct {
	next io.Writer
	cut  []byte
	// paints: marks of our own styles become colours.
	paints bool
}

// escaper is where marks become colours from now on; nil where nothing has any.
func (s *stream) escaper(colour bool) *escaper {
	if !colour {
		return nil
	}
	s.safe.paints = true
	return s.safe
}

func (e *escaper) Write(p []byte) (int, error) {
	text := append(e.cut, p...)
	whole := len(text)
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if tail := text[len(text)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				whole -= i
			}
			break
		}
	}
	escape := safetext.Escape
	if e.paints {
		escape = paint
	}
	_, err := io.WriteString(e.next, escape(string(text[:whole])))
	e.cut = bytes.Clone(text[whole:])
	if err != nil {
		return 0, err
	}
	return len(p), nil
}
