package difference

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

const (
	// contextLines are those around a change.
	contextLines = 3
	// maxLines bounds what is compared by line, in bytes of both texts.
	maxLines = 2 << 20
)

// Lines is the difference of two texts as a unified diff without the names at its top, "" where they have the same lines. ok is
// false where they are too large to be compared.
func Lines(before, after string) (diff string, ok bool) {
	if len(before)+len(after) > maxLines {
		return "", false
	}
	before, after = ended(before), ended(after)
	text, err := udiff.ToUnified("", "", before, udiff.Lines(before, after), contextLines)
	if err != nil {
		return "", false
	}
	if at := strings.Index(text, "@@"); at > 0 {
		text = text[at:]
	}
	return text, true
}

// ended is a text whose last line has an end: nobody needs to hear that memories have none.
func ended(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}
