package network

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// IsDial says whether no connection came about, so that nothing was sent. A
// name that doesn't exist won't exist a second later.
func IsDial(err error) bool {
	if proxy, ok := errors.AsType[*ProxyError](err); ok && proxy.Status > 0 {
		return !proxy.Refuses() // it could not reach the server
	}
	for op, ok := errors.AsType[*net.OpError](err); ok; op, ok = errors.AsType[*net.OpError](op.Err) {
		if op.Op == "dial" || op.Op == "socks connect" {
			return !IsUnknownHost(err)
		}
	}
	return false
}

// IsUnsent says whether the server certainly has nothing of a request: there was no
// connection, a proxy answered in its place, or a kept connection had been closed by the server before anything
// was written. For the last net/http has no type, and it sends only GETs again by itself.
func IsUnsent(err error) bool {
	proxy, ok := errors.AsType[*ProxyError](err)
	return IsDial(err) || ok && proxy.Status > 0 || strings.HasSuffix(err.Error(), "server closed idle connection")
}

// IsUnknownHost says whether no such name is known.
func IsUnknownHost(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// IsNotHTTP says whether something else than HTTP was spoken. net/http has no type for it, and
// says the same of a connection that was lost within the status line.
func IsNotHTTP(err error) bool {
	_, said, malformed := strings.Cut(err.Error(), "malformed HTTP ")
	return malformed && !cutStatus().MatchString(said) || errors.Is(err, errSpeaksTLS)
}

// cutStatus is the beginning of a status line, as net/http quotes it.
var cutStatus = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(response "H(T(T(P(/(1(\.([01] ?)?)?)?)?)?)?)?"|status code "[1-5]?\d?"$)`)
})

// IsTrust says whether TLS failed in a way that a retry won't mend.
func IsTrust(err error) bool {
	return isAlert(err) || is[*tls.CertificateVerificationError](err) || is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) ||
		is[x509.CertificateInvalidError](err) || is[tls.RecordHeaderError](err) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// isAlert says whether the other side ended the handshake. crypto/tls has no type for that.
func isAlert(err error) bool {
	peer, ok := errors.AsType[*net.OpError](err)
	return ok && peer.Op == "remote error"
}

// certificateAlerts are those about the certificate of the side that hears them.
var certificateAlerts = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`tls: (?:.*certificate|certificate required|unknown certificate authority)$`)
})

// UnknownAuthority says whether nobody here knows who signed the server's certificate.
func UnknownAuthority(err error) bool { return is[x509.UnknownAuthorityError](err) }

// WantsClientCert says whether the server ended the handshake for want of a certificate of ours.
func WantsClientCert(err error) bool {
	return isAlert(err) && certificateAlerts().MatchString(err.Error()) || is[*unshownError](err)
}

// SpeaksPlain says whether TLS was answered in plain HTTP, by the server and not by a proxy.
func SpeaksPlain(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		return false
	}
	record, _ := errors.AsType[tls.RecordHeaderError](err)
	head := string(record.RecordHeader[:])
	return errors.Is(err, http.ErrSchemeMismatch) || head == "HTTP/" || head == "<!DOC" || strings.EqualFold(head, "<html")
}

// SpeaksTLS says whether plain HTTP was answered in TLS, by an alert for instance.
func SpeaksTLS(err error) bool {
	return errors.Is(err, errSpeaksTLS) || IsNotHTTP(err) && strings.Contains(err.Error(), `"\x15\x03`)
}

// is says whether an error of the type is in the chain.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
