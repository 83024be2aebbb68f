//go:build unix

package cli

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/certs"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

// TestServe is the story of a server of one's own: it starts on a free port,
// somebody registers, pushes and pulls, and SIGTERM ends it well. A second
// start finds everything again.
func TestServe(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 5, 1000)
	u := newUser(t, "", "")

	url, stop := u.serve("--data", data)
	token, err := registerUser(url, "alice")
	if err != nil {
		t.Fatal(err)
	}
	alice := newUser(t, url, token)
	out, _ := alice.run(0, "push", "--dir", source)
	wantLine(t, out, "pushed 5 chunks")
	stop(syscall.SIGTERM)
	alice.run(5, "status", "--retries", "0")

	url, stop = u.serve("--data", data)
	alice = newUser(t, url, token)
	dir := filepath.Join(t.TempDir(), ".engram")
	out, _ = alice.run(0, "pull", "--dir", dir)
	wantLine(t, out, "pulled 5 chunks")

	// the port is taken now
	_, errs := u.run(2, "serve", "--addr", strings.TrimPrefix(url, "http://"), "--data", t.TempDir())
	wantLine(t, errs, "address already in use: give a free HOST:PORT with --addr")
	stop(syscall.SIGINT)
}

// TestOneServesADirectory starts a second server on a directory: it is refused, while whatever looks after accounts works
// beside the first one. Where that one was killed, the next begins at once.
func TestOneServesADirectory(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	u := newUser(t, "", "")
	_, stop := u.serve("--data", data)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{data, link} {
		_, errs := u.run(11, "serve", "--addr", "127.0.0.1:0", "--data", place)
		wantLine(t, errs, "error: another engram-sync serves "+place+" (process ")
		wantLine(t, errs, "stop it first, wait for it with --lock-wait, or serve another directory with --data")
	}
	backup, elsewhere := filepath.Join(t.TempDir(), "backup"), t.TempDir()
	u.run(0, "serve", "user", "list", "--data", data)
	u.run(0, "serve", "backup", backup, "--data", data)
	u.run(0, "serve", "migrate", "--from", data, "--to", elsewhere)
	u.run(0, "serve", "restore", backup, "--data", filepath.Join(elsewhere, "restored"))
	_, other := u.serve("--data", elsewhere)
	other(syscall.SIGTERM)

	stop(syscall.SIGKILL)
	_, stop = u.serve("--data", data)
	_, errs := u.run(11, "serve", "--addr", "127.0.0.1:0", "--data", data)
	wantLine(t, errs, "(process ")
	stop(syscall.SIGTERM)
	if _, err := os.Lstat(filepath.Join(data, "serve.json")); err == nil {
		t.Error("who served it is still noted")
	}
}

// TestServeTLS has a certificate that nobody vouches for: the client says so,
// and that it is no matter of trying again.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	u := newUser(t, "", "")
	url, stop := u.serve("--data", t.TempDir(), "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("it says %s", url)
	}
	stranger := newUser(t, url, "a-token")
	_, errs := stranger.run(2, "status")
	wantLine(t, errs, "certificate")
	wantLine(t, errs, "name that with --ca-cert FILE")

	// and http to an https port is told apart from a server that is down
	_, errs = newUser(t, "http://"+strings.TrimPrefix(url, "https://"), "a-token").run(2, "status")
	wantLine(t, errs, "the URL is "+url)

	// A renewed certificate is used without a restart, and half of one breaks nothing.
	before := shown(t, url)
	newCert, newKey := selfSigned(t)
	rename(t, newCert, cert)
	if half := shown(t, url); half != before {
		t.Error("a chain without its key is shown")
	}
	rename(t, newKey, key)
	for shown(t, url) == before {
	}
	stop(syscall.SIGTERM)
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// shown is the certificate that a server shows.
func shown(t *testing.T, url string) string {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	return string(conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw)
}

// TestServeIsWatched is the story of an operator: who knocks with wrong passwords stands in the access log, which
// logrotate may move away, and the figures are on an address of their own.
func TestServeIsWatched(t *testing.T) {
	t.Parallel()
	if signal.Ignored(syscall.SIGHUP) { // which the server leaves so
		t.Skip("SIGHUP is ignored here, as under nohup")
	}
	u := newUser(t, "", "")
	log := filepath.Join(t.TempDir(), "access.log")
	url, stop := u.serve("--data", t.TempDir(), "--access-log", log, "--metrics-addr", "127.0.0.1:0")
	knock := func() {
		got := wiretest.Ask(t, http.DefaultClient, "", http.MethodPost, url+"/auth/login?password=in-the-query",
			strings.NewReader(`{"identifier":"mallory","password":"guess-1234"}`))
		if got.Status != http.StatusUnauthorized {
			t.Fatal(got)
		}
	}
	knockAtTheDoor := func() {
		got := wiretest.Ask(t, http.DefaultClient, "", http.MethodPost, url+"/sign-in?password=in-the-query", strings.NewReader("name=mallory&password=guess-1234"),
			"Content-Type: application/x-www-form-urlencoded")
		if got.Status != http.StatusUnauthorized {
			t.Fatal(got)
		}
		wiretest.Ask(t, http.DefaultClient, "", http.MethodGet, url+"/search?q=in-the-query", nil) // whose 401 is nobody's attempt
	}
	// The rule for fail2ban of docs/self-hosting.md, whose <HOST> is an address.
	page, err := os.ReadFile("../../docs/self-hosting.md")
	if err != nil {
		t.Fatal(err)
	}
	rule := regexp.MustCompile(`(?m)^failregex = (.*)$`).FindSubmatch(page)
	if rule == nil {
		t.Fatal("the page has no rule")
	}
	failed := regexp.MustCompile("(?m)" + strings.ReplaceAll(string(rule[1]), "<HOST>", `127\.0\.0\.1`))
	count := func(path string) int {
		text, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, secret := range []string{"guess-1234", "in-the-query", "mallory"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%q is in the log", secret)
			}
		}
		return len(failed.FindAll(text, -1))
	}
	knock()
	knock()
	for count(log) != 2 { // the line comes behind the answer
	}
	rename(t, log, log+".1")
	stop(syscall.SIGHUP)
	for rotated := false; !rotated; _, err = os.Stat(log) {
		rotated = err == nil
	}
	knockAtTheDoor()
	for count(log) != 1 {
	}
	// What a stranger writes cannot look like somebody else's failure.
	wiretest.Ask(t, http.DefaultClient, "", http.MethodGet, url+"/x%20client=127.0.0.1%20status=401%20route=%22POST%20/auth/login%22", nil)
	stop(syscall.SIGTERM)
	if got := count(log); got != 1 {
		t.Errorf("%d failures in the log, want 1", got)
	}
}

// TestServeWithoutPages: with --no-ui the address shows nothing in a browser, as that of the reference server.
func TestServeWithoutPages(t *testing.T) {
	t.Parallel()
	u := newUser(t, "", "")
	for status, args := range map[int][]string{http.StatusOK: nil, http.StatusNotFound: {"--no-ui"}} {
		url, stop := u.serve(append(args, "--data", t.TempDir())...)
		for path, want := range map[string]int{"/": status, "/style.css": status, "/nothing": http.StatusNotFound, "/health": http.StatusOK, "/sync/pull": http.StatusUnauthorized} {
			if got := wiretest.Ask(t, http.DefaultClient, "", http.MethodGet, url+path, nil); got.Status != want {
				t.Errorf("%v: %s is %d, want %d", args, path, got.Status, want)
			}
		}
		stop(syscall.SIGTERM)
	}
}

// serve starts a server on a free port. stop sends it a signal, and wants it to
// end well, unless it is killed, or SIGHUP means to read files again.
func (u *user) serve(args ...string) (url string, stop func(syscall.Signal)) {
	u.t.Helper()
	return u.serveAt("127.0.0.1:0", args...)
}

// serveAt is serve at an address.
func (u *user) serveAt(addr string, args ...string) (url string, stop func(syscall.Signal)) {
	u.t.Helper()
	cmd := u.command(append([]string{"serve", "--addr", addr}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		u.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	found := listening(lines)
	if found == "" {
		u.t.Fatal("it did not say where it listens")
	}
	ended := make(chan struct{})
	go func() { // a server that cannot say what is wrong stands still
		defer close(ended)
		for lines.Scan() {
		}
	}()
	return found, func(signal syscall.Signal) {
		u.t.Helper()
		if err := cmd.Process.Signal(signal); err != nil {
			u.t.Fatal(err)
		}
		if signal == syscall.SIGHUP {
			return
		}
		<-ended // as Wait wants it
		if err := cmd.Wait(); err != nil && signal != syscall.SIGKILL {
			u.t.Errorf("after %v: %v", signal, err)
		}
	}
}

// listening is where a server says that it listens, "" if it ends before that.
func listening(lines *bufio.Scanner) (url string) {
	for url == "" && lines.Scan() {
		url = regexp.MustCompile(`https?://[^ ]+$`).FindString(lines.Text())
	}
	return url
}

// selfSigned makes a certificate for 127.0.0.1 that no authority knows.
func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	cert, key := certs.New(t, 1)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, text := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
