package httplayer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// NoAnswer makes the error for a call that got no answer, or not the whole of one.
func (c *Call) NoAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", c.Op, context.Cause(ctx))
	}
	err = plain(err)
	var local *localError
	var later *RetryLaterError
	var status *StatusError
	switch {
	case errors.As(err, &local):
		return fmt.Errorf("%s: %w", c.Op, local.error)
	case errors.As(err, &status): // to the request that was to resume this one
		return status
	case errors.As(err, &later):
		return &RetryLaterError{Op: c.Op, Status: later.Status, At: later.At, Wait: later.Wait}
	}
	class := ErrUnavailable
	switch {
	case isTrust(err):
		class = ErrTLS
	case strings.Contains(err.Error(), "malformed HTTP"): // net/http has no type for it
		class = ErrNotEngram
	}
	return &NetworkError{Op: c.Op, Attempts: c.attempts, Err: err, Class: class}
}

// plain takes off what net/http wraps around an error: the URL is known, and
// its text is long.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// isTrust says whether TLS failed in a way that a retry won't mend.
func isTrust(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		notTLS       tls.RecordHeaderError
		peer         *net.OpError
	)
	if errors.As(err, &peer) && peer.Op == "remote error" { // crypto/tls has no type for an alert
		return true
	}
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &hostname) ||
		errors.As(err, &invalid) || errors.As(err, &notTLS) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// Refused reads an answer that says no, and closes it.
func (c *Call) Refused(resp *http.Response) *StatusError {
	body, _ := Text(resp) // what arrived is good enough
	e := &StatusError{Op: c.Op, Status: resp.StatusCode, Attempts: c.attempts, body: body}
	e.Message, e.Code, e.Final = explainBody(resp, body)
	if e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout {
		e.Final = false // only gateways say that, whatever their format
	}
	e.Class = classOf(e, body)
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		e.Message = redirectMessage(resp)
	}
	e.Conceal(sentToken(resp))
	if e.Message == "" {
		e.Message = strings.ToLower(http.StatusText(resp.StatusCode))
	}
	return e
}

// classOf decides what a status means for the caller. Source: account-server.md
// 1.1, 4.1 and 10: permanent input errors of PostgreSQL come as 500, with the
// SQLSTATE in the text; classes 22 and 54 are about the data itself.
func classOf(e *StatusError, body []byte) error {
	switch {
	case e.Status == http.StatusUnauthorized:
		return ErrUnauthorized
	case e.Status < 400: // a server of this protocol says 200 or no
		return ErrNotEngram
	case e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooManyRequests:
		return ErrUnavailable
	case e.Status == http.StatusNotImplemented, e.Status == http.StatusHTTPVersionNotSupported:
		return ErrRefused
	case e.Status >= 500 && !aboutTheData.Match(body):
		return ErrUnavailable
	}
	return ErrRefused
}

var aboutTheData = regexp.MustCompile(`SQLSTATE (22|54)`)

// explainBody finds the server's words in the shapes that servers and proxies
// use, and says whether they are of the server's own shape.
func explainBody(resp *http.Response, body []byte) (message, code string, own bool) {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	var shape struct {
		Error     string `json:"error"`
		ErrorCode string `json:"error_code"`
	}
	switch {
	case kind == "application/json" && json.Unmarshal(body, &shape) == nil && shape.Error != "":
		return Printable(shape.Error), Printable(shape.ErrorCode), true
	case kind == "text/html":
		return "an HTML page" + htmlTitle(body) + ": is there a proxy, or is the URL wrong?", "", false
	case kind == "text/plain":
		line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
		return Printable(line), "", false
	}
	return "", "", false
}

var title = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

func htmlTitle(body []byte) string {
	m := title.FindSubmatch(body)
	if m == nil {
		return ""
	}
	return fmt.Sprintf(" %q", Printable(strings.Join(strings.Fields(string(m[1])), " ")))
}

func redirectMessage(resp *http.Response) string {
	target, err := resp.Location()
	if err != nil {
		return "a redirect to nowhere"
	}
	target.User, target.RawQuery, target.Fragment = nil, "", ""
	return "redirects to " + Printable(target.String()) + ", which is not followed: if that is the right server, set the remote's URL to it"
}
