//go:build unix

package cli

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNoRegister serves a closed circle: nobody registers, and who was added on
// the machine of the server gets in, also while it runs. A backup made meanwhile
// becomes a second server with the same people and chunks.
func TestNoRegister(t *testing.T) {
	t.Parallel()
	data, restored := t.TempDir(), filepath.Join(t.TempDir(), "restored")
	copied := filepath.Join(t.TempDir(), "copy.db")
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 3, 1000)
	admin := newUser(t, "", "")
	url, stop := admin.serve("--data", data, "--no-register")
	ana := withFileStore(newUser(t, url, ""))

	_, errs := ana.tell(6, "a password", "auth", "register", "--username", "ana", "--email", "ana@example.com", "--password-stdin")
	wantLine(t, errs, "error: register: 403 ")
	admin.tell(0, "a password", "serve", "user", "add", "ana", "ana@example.com", "--password-stdin", "--data", data)
	ana.tell(0, "a password", "login", "--identifier", "ana", "--password-stdin")
	ana.run(0, "push", "--dir", source)
	admin.run(0, "serve", "backup", copied, "--data", data)
	ana.run(0, "status", "--dir", source)
	stop(syscall.SIGTERM)

	admin.run(0, "serve", "restore", copied, "--data", restored)
	url, stop = admin.serve("--data", restored, "--no-register")
	ana = withFileStore(newUser(t, url, ""))
	ana.tell(0, "a password", "login", "--identifier", "ana@example.com", "--password-stdin")
	out, _ := ana.run(0, "pull", "--dir", filepath.Join(t.TempDir(), ".engram"))
	wantLine(t, out, "pulled 3 chunks")
	stop(syscall.SIGTERM)
}

// TestTLSFlags talks to a server whose certificate only --ca-cert makes good, in
// all that a user does, sign-in included.
func TestTLSFlags(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	data := t.TempDir()
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 2, 1000)
	admin := newUser(t, "", "")
	url, stop := admin.serve("--data", data, "--tls-cert", cert, "--tls-key", key)
	ana := withFileStore(newUser(t, url, ""))

	_, errs := ana.tell(2, "a password", "auth", "register", "--username", "ana", "--email", "ana@example.com", "--password-stdin")
	wantLine(t, errs, "certificate")
	ana.tell(0, "a password", "auth", "register", "--username", "ana", "--email", "ana@example.com", "--password-stdin", "--ca-cert", cert)
	ana.run(0, "push", "--dir", source, "--ca-cert", cert)
	ana.run(0, "auth", "refresh", "--ca-cert", cert)
	// a certificate of one's own does no harm where nobody asks for it
	ana.run(0, "auth", "status", "--ca-cert", cert, "--client-cert", cert, "--client-key", key)
	ana.env = append(ana.env, "ENGRAM_SYNC_CA_CERT="+cert)
	out, _ := ana.run(0, "pull", "--dir", filepath.Join(t.TempDir(), ".engram"))
	wantLine(t, out, "pulled 2 chunks")

	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--client-cert", cert}, "client_key"},
		{[]string{"--client-key", key}, "client-cert"},
		{[]string{"--client-cert", key, "--client-key", cert}, "client-cert: "},
		{[]string{"--ca-cert", key}, "holds no certificate in PEM"},
		{[]string{"--ca-cert", filepath.Join(data, "none.pem")}, "ca-cert: "},
	} {
		_, errs := ana.run(2, append([]string{"auth", "status"}, c.args...)...)
		if !strings.Contains(strings.ReplaceAll(errs, "--client-key", "client_key"), c.says) {
			t.Errorf("%v: %s", c.args, errs)
		}
	}
	stop(syscall.SIGTERM)
}

// TestInsecureHTTP warns each time that a token goes in clear text, and only then.
func TestInsecureHTTP(t *testing.T) {
	t.Parallel()
	s := newWatchedServer(t)
	here := newUser(t, s.url, s.token)
	if _, errs := here.run(0, "auth", "status", "--insecure-http"); errs != "" {
		t.Errorf("on loopback it says %q", errs)
	}
	// an address that leads to the same server, and is none of a loopback
	far := withFileStore(newUser(t, strings.Replace(s.url, "127.0.0.1", "0.0.0.0", 1), ""))
	signIn := []string{"auth", "register", "--username", "ana", "--email", "ana@example.com", "--password-stdin"}
	_, errs := far.tell(2, "a password", signIn...)
	wantLine(t, errs, "refusing to send a token over cleartext http to 0.0.0.0:")
	_, errs = far.tell(0, "a password", append(signIn, "--insecure-http")...)
	wantLine(t, errs, "warning: insecure-http: what you sign in with and the tokens go to http://0.0.0.0:")
	_, errs = far.run(2, "auth", "status")
	wantLine(t, errs, "refusing to send a token over cleartext http to 0.0.0.0:")
	for range 2 {
		_, errs = far.run(0, "auth", "status", "--insecure-http")
		wantLine(t, errs, "warning: insecure-http: the token goes to http://0.0.0.0:")
	}
}
