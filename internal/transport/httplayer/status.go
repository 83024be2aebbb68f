package httplayer

import (
	"encoding/json"
	"fmt"
	"html"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/transport/network"
)

// Refused reads an answer that says no.
func (c *Call) Refused(resp *http.Response) *StatusError {
	body, err := ReadText(resp) // what arrived is good enough for the words
	e := &StatusError{Op: c.Op, Status: resp.StatusCode, Attempts: c.attempts, body: body}
	e.explain(resp, body)
	if known := gatewayStatus(e.Status); known == http.StatusBadGateway || known == http.StatusGatewayTimeout {
		e.Final = false // only gateways say that, whatever their format
	}
	e.Class = c.classOf(e)
	switch {
	case err != nil && e.Status >= 400 && e.Status != http.StatusUnauthorized && e.Status != http.StatusRequestEntityTooLarge:
		e.Class, e.cut = ErrUnavailable, true // what it was about stood there
	case e.Status >= 300 && e.Status < 400:
		e.Message = c.redirectMessage(resp)
	case e.Status == http.StatusBadRequest && !e.Final && wantsTLS().Match(body):
		e.Class, e.Message = ErrWantsTLS, c.wantsTLS()
	case e.Status == http.StatusBadRequest && !e.Final && wantsClientCert().Match(body):
		e.Class = ErrClientCert
	case e.Status == http.StatusProxyAuthRequired:
		e.Class = network.ErrProxy
	}
	if e.Message == "" {
		e.Message = strings.ToLower(http.StatusText(resp.StatusCode))
	}
	return e
}

// gatewayStatus is what a status means: the 52x with which CDNs answer for the server are
// a 504 where they waited for it in vain, and a 502 where they got nothing that makes sense.
func gatewayStatus(status int) int {
	switch status {
	case 522, 524:
		return http.StatusGatewayTimeout
	case 520, 521, 523, 525, 526:
		return http.StatusBadGateway
	}
	return status
}

// isPage says of an answer that says yes that it is a page for people: no server of this
// protocol has one, but the portal of a network has.
func isPage(resp *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return kind == "text/html"
}

// classOf decides what a status means for the caller. Permanent errors of PostgreSQL
// come as 500, with its class in the text. Source: account-server.md 1.1, 4.1.
func (c *Call) classOf(e *StatusError) error {
	switch {
	case e.Status == http.StatusUnauthorized && c.contradicted(e):
		return ErrUnavailable
	case e.Status == http.StatusUnauthorized, e.NobodyAsks():
		return ErrUnauthorized
	case e.Status < 400: // a server of this protocol says 200 or no
		return ErrNotEngram
	case e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooManyRequests, e.CutShort():
		return ErrUnavailable
	case e.Status == http.StatusNotImplemented, e.Status == http.StatusHTTPVersionNotSupported:
		return ErrRefused
	case e.Status >= 500 && !e.AboutContent() && !e.AccountGone():
		return ErrUnavailable
	}
	return ErrRefused
}

// contradicted says whether a 401 is none about the token: it quotes the database,
// where the server has to look the token up, or it refuses a key that was good a
// moment ago, as account servers do while their database starts or stops. Only keys
// are looked up there. Source: project-server.md 14, account-server.md 11.
func (c *Call) contradicted(e *StatusError) bool {
	return strings.HasPrefix(e.Message, "unauthorized: cloudstore: ") || c.goodBefore && e.Final && e.Message == "invalid credentials"
}

// NobodyAsks says whether a project server knows nobody behind the request, as those
// do that run without authentication. Source: engram-2.md 4.2, project-server.md 14.
func (e *StatusError) NobodyAsks() bool {
	return e.Status == http.StatusForbidden && strings.EqualFold(e.Message, "forbidden: principal is required")
}

// CutShort says whether something on the way lost the end of the request, so that
// nothing was stored. Source: account-server.md 10.
func (e *StatusError) CutShort() bool {
	return e.Status == http.StatusBadRequest && e.Final && strings.HasPrefix(e.Message, "failed to read body")
}

// Full says whether the server itself has no room for what was sent.
func (e *StatusError) Full() bool { return e.Status == http.StatusInsufficientStorage && e.Final }

// explain finds the server's words in the shapes that servers and proxies use,
// and whether they are of the server's own shape.
func (e *StatusError) explain(resp *http.Response, body []byte) {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	var shape struct {
		Error      string `json:"error"`
		ErrorClass string `json:"error_class"`
		ErrorCode  string `json:"error_code"`
	}
	switch {
	case kind == "application/json" && json.Unmarshal(body, &shape) == nil && shape.Error != "":
		e.Message, e.words, e.Final = Printable(shape.Error), []byte(shape.Error), true
		if shape.ErrorClass != "" { // a gateway's codes come without one
			e.Code = Printable(shape.ErrorCode)
		}
	case kind == "text/html":
		e.Message = "an HTML page" + htmlTitle(body) + ": is there a proxy, or is the URL wrong?"
	case kind == "text/plain":
		line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
		e.Message, e.words = Printable(line), body
	}
	e.SQLState = stateIn(string(e.words))
}

var title = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
})

func htmlTitle(body []byte) string {
	m := title().FindSubmatch(body)
	if m == nil {
		return ""
	}
	return fmt.Sprintf(" %q", Printable(html.UnescapeString(string(m[1]))))
}

// What servers and proxies say that speak TLS: to plain HTTP (Go and Caddy, nginx,
// Apache), and to who shows no certificate, or the wrong one (nginx).
var (
	wantsTLS = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)sent an HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS port|speaking plain HTTP to an SSL-enabled server port`)
	})
	wantsClientCert = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`No required SSL certificate was sent|The SSL certificate error`)
	})
)

// redirectMessage names the base URL that a redirect leads to, if it does.
func (c *Call) redirectMessage(resp *http.Response) string {
	target, err := resp.Location()
	if err != nil {
		return "a redirect to nowhere"
	}
	target.User, target.RawQuery, target.Fragment, target.RawPath = nil, "", "", "" // and the path in our escapes
	text := "redirects to " + Printable(target.String()) + ", which is not followed"
	if path, same := strings.CutSuffix(strings.TrimRight(target.Path, "/"), c.path); same && c.path != "" {
		target.Path, target.RawPath = path, ""
		text += ": if that is the right server, set the remote's URL to " + Printable(target.String())
	}
	return text
}

// maxMessage is how much of a server's words a user gets to see, in characters.
const maxMessage = 300

// Printable makes a stranger's words safe for a terminal, a log and our files: one
// line, no control characters, none of our secrets, not too long.
func Printable(s string) string {
	return safetext.Cut(secret.Redact(safetext.OneLine(s)), maxMessage)
}
