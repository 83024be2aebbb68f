package httplayer

import (
	"net/http"
	"strings"
	"unicode"
)

// maxMessage is how much of a server's words a user gets to see, in runes.
const maxMessage = 300

// secretWords stands in for a server's words that hold what we sent it in secret.
const secretWords = "(its words repeat what was secret)"

// Conceal takes a secret out of what the error says.
func (e *StatusError) Conceal(secret string) {
	if repeats(e.Message, secret) {
		e.Message = secretWords
	}
}

// EchoesToken says whether a text holds the token that went along with the
// request of an answer.
func EchoesToken(resp *http.Response, text string) bool { return repeats(text, sentToken(resp)) }

func sentToken(resp *http.Response) string {
	if resp.Request == nil {
		return ""
	}
	return strings.TrimPrefix(resp.Request.Header.Get("Authorization"), "Bearer ")
}

// repeats says whether a text holds a secret, or, since texts are cut, the
// beginning of a long one.
func repeats(text, secret string) bool {
	const telling = 24 // bytes; what all JWTs begin with is as long
	return secret != "" && strings.Contains(text, secret[:min(len(secret), telling)])
}

// Printable makes a stranger's words safe for a terminal and a log: one line,
// no control characters, not too long.
func Printable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if runes := []rune(s); len(runes) > maxMessage {
		s = string(runes[:maxMessage]) + "…"
	}
	return s
}
