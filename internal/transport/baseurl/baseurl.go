// Package baseurl is the one form of a server's URL, and what lies below it. The transport
// calls it, and its HTTP layers.
package baseurl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/engram-sync/engram-sync/internal/secret"
)

// ErrBad: the base URL can't be used.
var ErrBad = errors.New("bad remote URL")

// Parse brings a server's URL into its one form: http or https, lower-case
// host, no default port, a path without a slash at its end, and nothing else.
// Userinfo would be a secret in a config file, and a query or fragment would
// end up in the middle of every request. The error wraps ErrBad.
func Parse(text string) (*url.URL, error) {
	secret.AddURL(text)
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		// The text of url.Parse repeats the URL, which may hold a password.
		return nil, fmt.Errorf("%w: it cannot be parsed", ErrBad)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%w: it must begin with http:// or https://", ErrBad)
	case u.User != nil:
		return nil, fmt.Errorf("%w: it must not hold a user or password", ErrBad)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		return nil, fmt.Errorf("%w: it must not hold a query or a fragment", ErrBad)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%w: it names no host", ErrBad)
	}
	host, err := normalHost(u)
	if err != nil {
		return nil, err
	}
	return &url.URL{Scheme: u.Scheme, Host: host, Path: strings.TrimRight(u.Path, "/"), RawPath: strings.TrimRight(u.RawPath, "/")}, nil
}

// Normalize gives the one form of a base URL, which credentials and saved
// state are keyed by. The error wraps ErrBad.
func Normalize(text string) (string, error) {
	u, err := Parse(text)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

func normalHost(u *url.URL) (string, error) {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		host = addr.String() // one spelling, and a zone keeps its letter case
	}
	if strings.ContainsFunc(host, OddInHost) {
		return "", fmt.Errorf("%w: its host holds a character that no host has", ErrBad)
	}
	if strings.HasSuffix(u.Host, ":") {
		return "", fmt.Errorf("%w: the port is missing", ErrBad)
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return "", fmt.Errorf("%w: %q is not a port", ErrBad, port)
		}
		port = strconv.Itoa(n)
	}
	if port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		port = ""
	}
	switch {
	case port != "":
		return net.JoinHostPort(host, port), nil
	case strings.Contains(host, ":"):
		return "[" + host + "]", nil
	}
	return host, nil
}

// OddInHost finds what stands in no name and no address; net/url lets it pass.
// Names may be international, and addresses have colons and zones.
func OddInHost(r rune) bool {
	return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Digit) && !strings.ContainsRune(".-_:%", r)
}

// IsBelow says whether a URL is of base's origin and below its path, for servers as
// well that read a path in a way of their own: nothing may lead up again.
func IsBelow(u, base *url.URL) bool {
	if !sameOrigin(u, base) || !strings.HasPrefix(u.EscapedPath()+"/", base.EscapedPath()+"/") {
		return false
	}
	return !slices.ContainsFunc(strings.FieldsFunc(strings.TrimPrefix(u.Path, base.Path), isSlash), func(segment string) bool {
		name, _, _ := strings.Cut(segment, ";") // with parameters, to some servers
		return name == "." || name == ".."
	})
}

func isSlash(r rune) bool { return r == '/' || r == '\\' }

// sameOrigin says whether two normalised URLs have scheme, host and port in common.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(WithPort(a), WithPort(b))
}

// WithPort gives host and port, also where the port is the default one.
func WithPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// IsPrivate says whether what goes to the server can't be overheard: over TLS, or
// within this machine.
func IsPrivate(u *url.URL) bool { return u.Scheme == "https" || isLoopback(u) }

// isLoopback says whether cleartext to the host stays on this machine. Only
// the name localhost itself counts, not names under or around it.
func isLoopback(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
