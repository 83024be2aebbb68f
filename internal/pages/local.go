package pages

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// Local lets nobody in but who knows its path: other users of the machine reach a port of loopback as well, and so does, by a name
// of its own for 127.0.0.1, any page that is open in the browser.
type Local struct {
	next  http.Handler
	token string

	mu  sync.Mutex
	key string // that Once gave; "" where it cannot be used any more
	may func(*http.Request) bool
}

// NewLocal puts pages behind a path that nobody can guess.
func NewLocal(pages http.Handler) *Local { return &Local{next: pages, token: rand.Text()} } // 130 bits

// Path is where the pages are.
func (l *Local) Path() string { return "/" + l.token + "/" }

// Once gives a path that leads to the pages one time, if may says so of the request: it goes through the argument list of a
// browser, which others can read.
func (l *Local) Once(may func(*http.Request) bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.key, l.may = rand.Text(), may
	return "/open/" + l.key
}

// ServeHTTP implements http.Handler.
func (l *Local) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	Protect(http.HandlerFunc(l.serve)).ServeHTTP(w, r)
}

func (l *Local) serve(w http.ResponseWriter, r *http.Request) {
	if !isLoopback(r.Host) {
		http.Error(w, "this is not a name of loopback", http.StatusMisdirectedRequest)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "there is nothing to write here", http.StatusMethodNotAllowed)
		return
	}
	first, rest, below := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case same(first, l.token) && below:
		inside := r.Clone(r.Context())
		inside.URL.Path, inside.URL.RawPath = "/"+rest, ""
		l.next.ServeHTTP(w, inside)
	case same(first, l.token):
		http.Redirect(w, r, l.Path(), http.StatusSeeOther)
	case first == "open" && r.Method == http.MethodGet && l.take(rest, r):
		http.Redirect(w, r, l.Path(), http.StatusSeeOther)
	default:
		http.Error(w, "nothing is here: the address that engram-sync browse prints is needed, all of it", http.StatusNotFound)
	}
}

// take says whether a key is that of Once, which it uses up.
func (l *Local) take(key string, r *http.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.key == "" || !same(key, l.key) || !l.may(r) {
		return false
	}
	l.key = ""
	return true
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// isLoopback says of a Host header that it names loopback by its address, or by the name that only this machine answers.
func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}
