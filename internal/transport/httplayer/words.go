package httplayer

import (
	"net/http"
	"strings"

	"github.com/engram-sync/engram-sync/internal/safetext"
)

// maxMessage is how much of a server's words a user gets to see, in characters.
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
func Printable(s string) string { return safetext.Line(s, maxMessage) }
