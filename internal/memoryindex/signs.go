package memoryindex

import (
	"crypto/rand"
	"strings"

	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/secret"
)

// Signs stand around words that were found, in a text that may hold anything else: nobody can have guessed them.
type Signs struct{ Open, Close string }

// NewSigns makes the signs of one query.
func NewSigns() Signs {
	nonce := rand.Text()
	return Signs{"<" + nonce + ">", "</" + nonce + ">"}
}

// Without is a text without signs.
func (s Signs) Without(text string) string {
	return strings.NewReplacer(s.Open, "", s.Close, "").Replace(text)
}

// Marked is a text on one line that is safe to show, with marks of package safetext where the signs are.
func (s Signs) Marked(text string) string {
	if bare := s.Without(text); secret.Redact(bare) != bare { // of which marks would hide a part
		return oneLine(safetext.Escape(secret.Redact(bare)))
	}
	text = safetext.Escape(text) // which leaves the signs as they are
	return oneLine(strings.NewReplacer(s.Open, safetext.Found, s.Close, safetext.Plain).Replace(text))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
