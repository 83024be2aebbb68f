package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
)

// serveStore is a bare server over TLS, with HTTP/1.1 and HTTP/2: it reads what is put and throws it
// away, and gives as many bytes as are asked for. So the two protocols can be compared, of which
// engram-sync speaks only the first.
func serveStore(ctx context.Context, args []string, _, stderr io.Writer) error {
	var cert, key string
	size := 0
	if err := flags("store", args, func(set *flag.FlagSet) {
		set.StringVar(&cert, "cert", "", "")
		set.StringVar(&key, "key", "", "")
		set.IntVar(&size, "size", 0, "")
	}); err != nil {
		return err
	}
	text := []byte(corpus.NewAuthor(1).Text(size))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(text) // the client may be gone
	})
	mux.HandleFunc("PUT /", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != int64(size) {
			http.Error(w, "it came in pieces", http.StatusBadRequest)
		}
	})
	return listen(ctx, stderr, mux, func(s *http.Server, ln net.Listener) error { return s.ServeTLS(ln, cert, key) })
}

// storeClient is a mode in which a bare client does one thing.
func storeClient(do func(ctx context.Context, c *http.Client, url string, size int) (*http.Response, error)) Mode {
	return func(ctx context.Context, args []string, _, _ io.Writer) error {
		var url, authority string
		size, second := 0, false
		if err := flags("store client", args, func(set *flag.FlagSet) {
			set.StringVar(&url, "url", "", "")
			set.StringVar(&authority, "ca", "", "")
			set.IntVar(&size, "size", 0, "")
			set.BoolVar(&second, "http2", false, "")
		}); err != nil {
			return err
		}
		pem, err := os.ReadFile(authority)
		if err != nil {
			return fmt.Errorf("read the authority: %w", err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		protocols := &http.Protocols{}
		protocols.SetHTTP1(!second)
		protocols.SetHTTP2(second)
		c := &http.Client{Transport: &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
		resp, err := do(ctx, c, url, size)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // only read
		if resp.StatusCode != http.StatusOK || (resp.ProtoMajor == 2) != second {
			return fmt.Errorf("the answer is %s over %s", resp.Status, resp.Proto)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err == nil && n > 0 && n != int64(size) {
			err = errors.New("it came in pieces")
		}
		return err
	}
}

func storePush(ctx context.Context, c *http.Client, url string, size int) (*http.Response, error) {
	text := []byte(corpus.NewAuthor(1).Text(size))
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	return c.Do(req)
}

func storePull(ctx context.Context, c *http.Client, url string, _ int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	return c.Do(req)
}
