package cli

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

// proxy is a program that we ship a configuration for.
type proxy struct {
	program string // as Debian names it
	conf    string // in contrib
	// around makes a whole configuration of ours, with the files that it needs in dir.
	around func(conf, dir, addr, cert, key string) string
	args   func(dir, path string) []string
}

var proxies = []proxy{
	{"nginx", "nginx/engram-sync.conf", func(conf, dir, addr, cert, key string) string {
		return fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	%[2]s
}
`, dir, strings.NewReplacer("listen 443 ssl", "listen "+addr+" ssl", "/etc/ssl/engram/fullchain.pem", cert, "/etc/ssl/engram/privkey.pem", key).Replace(conf))
	}, func(dir, path string) []string { return []string{"-p", dir, "-e", "stderr", "-c", path} }},
	{"caddy", "caddy/Caddyfile", func(conf, _, addr, cert, key string) string {
		own := fmt.Sprintf("https://%s {\n\ttls %s %s\n", addr, cert, key) // which it would get by itself
		return "{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + strings.Replace(conf, "engram.example.com {\n", own, 1)
	}, func(_, path string) []string { return []string{"run", "--adapter", "caddyfile", "--config", path} }},
	{"haproxy", "haproxy/engram-sync.cfg", func(conf, dir, addr, _, _ string) string {
		return strings.NewReplacer("bind :443", "bind "+addr, "/etc/ssl/engram/both.pem", filepath.Join(dir, "both.pem")).Replace(conf)
	}, func(_, path string) []string { return []string{"-db", "-f", path} }},
}

// start runs it on a free port, in front of a server, and gives its URL and the certificate. The gate brings all of
// them; elsewhere they may be missing.
func (p proxy) start(t *testing.T, server string) (url, cert string) {
	t.Helper()
	program, err := exec.LookPath(p.program)
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/" + p.program) // not on everybody's path
	}
	if err != nil && os.Getenv("ENGRAM_SYNC_TEST_PROXIES") == "" {
		t.Skipf("there is no %s here", p.program)
	} else if err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(filepath.Join("..", "..", "contrib", p.conf))
	if err != nil {
		t.Fatal(err)
	}
	cert, key := selfSigned(t)
	dir, addr := t.TempDir(), freeAddr(t)
	ours := strings.NewReplacer("http://127.0.0.1:8765", server, "127.0.0.1:8765", strings.TrimPrefix(server, "http://")).Replace(string(conf))
	path := filepath.Join(dir, "proxy.conf")
	chain, chainErr := os.ReadFile(cert)
	private, keyErr := os.ReadFile(key)
	err = errors.Join(chainErr, keyErr, os.WriteFile(path, []byte(p.around(ours, dir, addr, cert, key)), 0o600),
		os.WriteFile(filepath.Join(dir, "both.pem"), append(chain, private...), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, p.args(dir, path)...)
	cmd.Env = []string{"HOME=" + dir}
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // the test's context has ended it
		if t.Failed() {
			t.Logf("%s said:\n%s", p.program, said.String())
		}
	})
	var d net.Dialer
	err = cancellable.Poll(t.Context(), 20*time.Second, func(time.Duration) {}, func() bool {
		conn, err := d.DialContext(t.Context(), "tcp", addr)
		return err == nil && conn.Close() == nil
	})
	if err != nil {
		t.Fatalf("%s does not listen: %v", p.program, err)
	}
	return "https://" + addr, cert
}

// TestBehindProxies: what we ship for a proxy carries the largest chunk, below a path too, and the limits are about
// clients, whatever they write into X-Forwarded-For.
func TestBehindProxies(t *testing.T) {
	skipLong(t)
	for _, p := range proxies {
		t.Run(p.program, func(t *testing.T) {
			t.Parallel()
			behind(t, p)
		})
	}
}

func behind(t *testing.T, p proxy) {
	t.Helper()
	u := newUser(t, "", "")
	server, stop := u.serve("--data", t.TempDir(), "--trusted-proxy", "127.0.0.1")
	defer stop(syscall.SIGTERM)
	front, cert := p.start(t, server)
	token, err := registerUser(server, "alice")
	if err != nil {
		t.Fatal(err)
	}
	large, small := filepath.Join(t.TempDir(), ".engram"), filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, large, 1, 40<<20)
	makeChunks(t, small, 20, 1000)
	for base, source := range map[string]string{front: large, front + "/engram": small} {
		alice, into := newUser(t, base, token), filepath.Join(t.TempDir(), ".engram")
		alice.run(0, "push", "--dir", source, "--ca-cert", cert)
		alice.run(0, "pull", "--dir", into, "--ca-cert", cert)
		out, _ := alice.run(0, "push", "--dir", into, "--ca-cert", cert)
		wantLine(t, out, "nothing to do")
		readBehind(t, base, "alice")
	}

	// Not from 127.0.0.1, which is trusted here.
	elsewhere := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	web := &http.Client{Transport: &http.Transport{
		DialContext: elsewhere.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // it is ours
	}}
	defer web.CloseIdleConnections()
	try := func(forwarded string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front+"/auth/login", strings.NewReader(`{"identifier":"alice","password":"wrong"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", forwarded)
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	for i := range 14 {
		status, after := try(fmt.Sprintf("192.0.2.%d", i))
		if refused := i >= 10; refused != (status == http.StatusTooManyRequests) || refused != (after != "") {
			t.Errorf("attempt %d of one client that makes addresses up: %d, Retry-After %q", i, status, after)
		}
	}
}

// watchedJar knows all of what was set.
type watchedJar struct {
	*cookiejar.Jar
	set []*http.Cookie
}

func (j *watchedJar) SetCookies(at *url.URL, cookies []*http.Cookie) {
	j.set = append(j.set, cookies...)
	j.Jar.SetCookies(at, cookies)
}

// readBehind signs in with a browser at a server behind a proxy, which is at no other path than its cookie.
func readBehind(t *testing.T, base, name string) {
	t.Helper()
	at, err := url.Parse(base + "/")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	jar := &watchedJar{Jar: kept}
	web := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // it is ours
	defer web.CloseIdleConnections()
	ask := func(method, path, form, want string) {
		t.Helper()
		to, err := at.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		got := wiretest.Ask(t, web, "", method, to.String(), strings.NewReader(form), "Content-Type: application/x-www-form-urlencoded", "Origin: "+at.Scheme+"://"+at.Host, "Sec-Fetch-Site: same-origin")
		if got.Status != http.StatusOK || !strings.Contains(got.Body, want) {
			t.Errorf("%s: %d without %q: %s", to, got.Status, want, got.Body)
		}
	}
	ask(http.MethodGet, "./", "", `action="sign-in"`)
	ask(http.MethodPost, "sign-in", url.Values{"name": {name}, "password": {"correct horse"}, "to": {"search?q=no+such+word"}}.Encode(), "No memory has that.")
	ask(http.MethodGet, "./", "", name)
	if len(jar.set) != 1 || !jar.set[0].Secure || len(jar.Cookies(at)) != 1 {
		t.Errorf("cookies that were set at %s: %v", at, jar.set)
	}
	if root := (&url.URL{Scheme: at.Scheme, Host: at.Host, Path: "/"}); at.Path != "/" && len(jar.Cookies(root)) > 0 {
		t.Errorf("the cookie of %s goes to %s as well", at, root)
	}
	ask(http.MethodPost, "sign-out", "", `action="sign-in"`)
	ask(http.MethodGet, "./", "", `action="sign-in"`)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}
