package httplayer

import (
	"errors"
	"net"
	"net/http"
	"strings"
)

// repeatable says whether what came of an attempt allows another one: any GET
// after network errors, 429, 502, 503 and 504; a POST or DELETE after a failed
// dial or 429, which cannot have been applied, and after 502, 503 and 504 only if
// it is marked as idempotent. Source: account-server.md 5.2.3.
func (r *run) repeatable(resp *http.Response, err error) bool {
	get := r.req.Method == http.MethodGet
	if err != nil {
		var stalled *stalledError
		if r.call.NoRetryOnStall && errors.As(err, &stalled) {
			return false
		}
		return isDial(err) || get && isTransient(err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return get || r.req.Body == nil || r.req.GetBody != nil
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return get || r.call.Idempotent
	}
	return false
}

// isDial says whether no connection came about, so that nothing was sent. A
// name that doesn't exist won't exist a second later.
func isDial(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return false
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// isTransient says whether a GET that failed so may work the next time.
func isTransient(err error) bool {
	var local *localError
	var later *RetryLaterError
	var dns *net.DNSError
	switch {
	case errors.As(err, &local), errors.As(err, &later), isTrust(err):
		return false
	case errors.As(err, &dns) && dns.IsNotFound:
		return false
	case strings.Contains(err.Error(), "malformed HTTP"): // net/http has no type for it
		return false
	}
	return true
}
