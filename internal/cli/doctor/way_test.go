package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// authority signs certificates of servers on loopback.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "our own authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a authority) trusted() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// serve starts a server whose certificate is good until then, for one name.
func (a authority) serve(t *testing.T, name string, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "the \x1b[31mserver"}, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: until,
	}
	if ip := net.ParseIP(name); ip != nil {
		leaf.IPAddresses = []net.IP{ip}
	} else {
		leaf.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// told is what doctor says of the way to a server.
func told(t *testing.T, url string, trusted *tls.Config) map[string]finding {
	t.Helper()
	way, err := transport.Inspect(t.Context(), url, trusted, 5*time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &findings{}
	(&exam{}).tellWay(f, way, false)
	out := map[string]finding{}
	for _, n := range f.have() {
		out[n.Check] = n
	}
	if len(out) != len(wayChecks) {
		t.Errorf("%d of %d checks: %v", len(out), len(wayChecks), out)
	}
	return out
}

// Each thing that TLS fails for is told with the certificate that was shown and with what
// mends it; the steps before it are in order, and those behind it are not looked at.
func TestTLS(t *testing.T) {
	a := newAuthority(t)
	long, soon, past := time.Now().AddDate(0, 6, 0), time.Now().AddDate(0, 0, 5), time.Now().Add(-24*time.Hour)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, tc := range map[string]struct {
		url           string
		trusted       *tls.Config
		verdict       string
		message, hint string
	}{
		"good":               {a.serve(t, "127.0.0.1", long), a.trusted(), good, "issued by CN=our own authority, good until " + long.UTC().Format(time.DateOnly), ""},
		"about to end":       {a.serve(t, "127.0.0.1", soon), a.trusted(), warning, "from now", "renew it"},
		"expired":            {a.serve(t, "127.0.0.1", past), a.trusted(), failed, "good until " + past.UTC().Format(time.DateOnly), "renew its certificate"},
		"of nobody we know":  {a.serve(t, "127.0.0.1", long), nil, failed, "issued by CN=our own authority", "--ca-cert"},
		"of another host":    {a.serve(t, "other.example", long), a.trusted(), failed, "doesn't contain any IP SANs", "correct the host"},
		"http where TLS was": {strings.Replace(plain.URL, "http:", "https:", 1), a.trusted(), failed, "plain HTTP is spoken at this port", "set the remote's URL to that"},
		"http":               {plain.URL, nil, good, "none: the URL says http", ""},
	} {
		found := told(t, tc.url, tc.trusted)
		n := found["tls"]
		if n.Verdict != tc.verdict || !strings.Contains(n.Message, tc.message) || !strings.Contains(n.Hint, tc.hint) || strings.Contains(n.Message, "\x1b") {
			t.Errorf("%s: %+v", name, n)
		}
		if want := map[bool]int{true: problem.Usage}[tc.verdict == failed]; n.Code != want {
			t.Errorf("%s: code %d, want %d", name, n.Code, want)
		}
		clock := map[bool]string{true: skipped, false: good}[tc.verdict == failed]
		if found["connection"].Verdict != good || found["clock"].Verdict != clock {
			t.Errorf("%s: connection %+v, clock %+v", name, found["connection"], found["clock"])
		}
	}
}

// Something that takes connections and never answers is told in time, as unavailable.
func TestASilentServer(t *testing.T) {
	var config net.ListenConfig
	silent, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for scheme, check := range map[string]string{"http": "connection", "https": "tls"} {
		way, err := transport.Inspect(t.Context(), scheme+"://"+silent.Addr().String(), nil, 100*time.Millisecond, nil)
		if err != nil {
			t.Fatal(err)
		}
		f := &findings{}
		(&exam{}).tellWay(f, way, false)
		for _, n := range f.have() {
			if (n.Verdict == failed) != (n.Check == check) || n.Verdict == failed && (n.Code != problem.Unavailable || n.Hint == "") {
				t.Errorf("%s: %+v", scheme, n)
			}
		}
	}
}

func TestTheClock(t *testing.T) {
	for ahead, want := range map[time.Duration]string{
		0: "as the server's", 59 * time.Second: "as the server's", -2 * time.Minute: "2m0s behind the server", 3 * time.Hour: "3h0m0s ahead of the server",
	} {
		f := &findings{}
		tellClock(f, &transport.Way{Dated: true, Ahead: ahead})
		if n := f.have()[0]; !strings.Contains(n.Message, want) || (n.Verdict == good) != (ahead.Abs() < time.Minute) {
			t.Errorf("%s: %+v", ahead, n)
		}
	}
}
