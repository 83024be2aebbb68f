package network

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/engram-sync/engram-sync/internal/transport/baseurl"
)

// ErrProxy: the proxy that the environment names can't be used, or does not let us through.
var ErrProxy = errors.New("no way through the proxy")

// ProxyError is what went wrong at a proxy, and says which one that is.
type ProxyError struct {
	Variable string // of the environment, that names it
	Proxy    string // host and port; "" where the variable names none that can be used
	Status   int    // of its answer; 0 if it gave none
	Err      error  // where there is no answer, why
}

func (e *ProxyError) Error() string {
	switch {
	case e.Proxy == "":
		return e.Variable + " names no proxy that can be used: " + e.Err.Error()
	case e.Status == 0:
		return fmt.Sprintf("the proxy %s (from %s): %s", e.Proxy, e.Variable, e.Err)
	}
	return strings.TrimSpace(fmt.Sprintf("the proxy %s (from %s) answers %d %s", e.Proxy, e.Variable, e.Status, strings.ToLower(http.StatusText(e.Status))))
}

func (e *ProxyError) Unwrap() error { return e.Err }

// Refuses says that trying again is in vain. A proxy that can't reach the server
// says so with a 5xx.
func (e *ProxyError) Refuses() bool { return e.Proxy == "" || e.Status >= 400 && e.Status < 500 }

// proxy is the one for a server, by the variables of the environment.
type proxy struct {
	variable string
	url      *url.URL // nil: the server is reached directly
}

// findProxy reads the variables. A value that names no proxy is an error, and never a
// reason to go directly: who set it may not want to be seen. NO_PROXY counts as
// everywhere, and loopback is always reached directly. ALL_PROXY is for servers for
// which no other variable is set.
func findProxy(base *url.URL, getenv func(string) string) (proxy, error) {
	if getenv == nil {
		return proxy{}, nil
	}
	first := func(names ...string) (name, value string) {
		i := slices.IndexFunc(names, func(name string) bool { return getenv(name) != "" })
		if i < 0 {
			return "", ""
		}
		return names[i], getenv(names[i])
	}
	name, value := first(strings.ToUpper(base.Scheme)+"_PROXY", base.Scheme+"_proxy", "ALL_PROXY", "all_proxy")
	if name == "" {
		return proxy{}, nil
	}
	const some = "http://proxy" // whether there is one does not depend on which
	_, except := first("NO_PROXY", "no_proxy")
	rules := httpproxy.Config{HTTPProxy: some, HTTPSProxy: some, NoProxy: except, CGI: name == "HTTP_PROXY" && getenv("REQUEST_METHOD") != ""}
	through, err := rules.ProxyFunc()(base)
	if err == nil && through == nil {
		return proxy{}, nil
	}
	p := proxy{variable: name}
	if err == nil {
		p.url, err = parseProxy(value)
	}
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrProxy, &ProxyError{Variable: name, Err: err})
	}
	return p, nil
}

// proxyPorts are the kinds of proxy, and where they listen by default.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// parseProxy reads what a variable says: a URL, or host and port of an HTTP proxy. It may
// hold a password, so no error repeats it.
func parseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("it is no URL")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if proxyPorts[u.Scheme] == "" {
		return nil, errors.New("its scheme is none of http, https, socks5 and socks5h")
	}
	if u.Hostname() == "" || strings.ContainsFunc(u.Hostname(), baseurl.OddInHost) {
		return nil, errors.New("it names no host")
	}
	if port := u.Port(); strings.HasSuffix(u.Host, ":") || port != "" && !isPort(port) {
		return nil, errors.New("its port is none")
	}
	return u, nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// choose is for http.Transport.
func (p proxy) choose(*http.Request) (*url.URL, error) { return p.url, nil }

// host is its host and port.
func (p proxy) host() string {
	return p.url.Hostname() + ":" + cmp.Or(p.url.Port(), proxyPorts[p.url.Scheme])
}

// connected judges what a proxy answers to CONNECT.
func (p proxy) connected(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{Variable: p.variable, Proxy: p.host(), Status: resp.StatusCode}
}

// blame names the proxy where it is the one that failed.
func (p proxy) blame(resp *http.Response, err error) (*http.Response, error) {
	failed := &ProxyError{Variable: p.variable, Proxy: p.host(), Err: err}
	switch {
	case err == nil && resp.StatusCode == http.StatusProxyAuthRequired:
		_ = resp.Body.Close() // its status says all
		failed.Status = resp.StatusCode
		return nil, failed
	case err != nil && IsDial(err) && !is[*ProxyError](err):
		return nil, failed
	}
	return resp, err
}
