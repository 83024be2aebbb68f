package secret

import "io"

// Writer takes the secrets in use out of what is written, wherever the writes cut
// them: what may be the beginning of one waits for what follows. It is not safe for
// concurrent use.
type Writer struct {
	next io.Writer
	set  *set
	held string
}

// NewWriter gives a writer in front of another.
func NewWriter(next io.Writer) *Writer { return &Writer{next: next, set: &inUse} }

// maxHeld bounds what waits: a text that repeats the same few characters for ever
// could be the beginning of a secret again and again.
const maxHeld = 1 << 20

// Write takes all of p, or gives the error of the writer behind it.
func (w *Writer) Write(p []byte) (int, error) {
	text := w.held + string(p)
	forms := w.set.all()
	spans := spansOf(forms, text)
	keep := len(text)
	for _, f := range forms {
		keep = min(keep, f.open(text))
	}
	whole := spans
	for i, s := range spans {
		if s.to > keep {
			keep, whole = min(keep, s.from), spans[:i] // it is looked at again with what follows
			break
		}
	}
	if len(text)-keep > maxHeld {
		keep, whole = len(text), spans
	}
	w.held = text[keep:]
	return len(p), w.emit(cover(text[:keep], whole))
}

// Flush writes what still waits: nothing follows, or somebody has to see it now.
func (w *Writer) Flush() error {
	text := w.held
	w.held = ""
	return w.emit(w.set.redact(text))
}

func (w *Writer) emit(text string) error {
	if text == "" {
		return nil
	}
	_, err := io.WriteString(w.next, text)
	return err
}
