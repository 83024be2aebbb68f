package peer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/bench/material"
	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// listen serves until the context ends, and says where.
func listen(ctx context.Context, stderr io.Writer, handler http.Handler, start func(*http.Server, net.Listener) error) error {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	scheme := "http"
	if start == nil {
		start = (*http.Server).Serve
	} else {
		scheme = "https"
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintf(stderr, "serving on %s://%s\n", scheme, ln.Addr())
	if err := start(server, ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// begun is how much of a body has to have come before it is a chunk that comes: clients ask with
// messages that have nothing in them, too.
const begun = 4 << 10

// serveProject is the tests' project server, which prints when the first bytes of a chunk have come, in
// nanoseconds since 1970.
func serveProject(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	token := ""
	if err := flags("project", args, func(set *flag.FlagSet) { set.StringVar(&token, "token", "", "") }); err != nil {
		return err
	}
	server := projectserver.New(projectserver.Options{Token: token, Projects: []string{corpus.Project}})
	var once sync.Once
	return listen(ctx, stderr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/sync/push" {
			r.Body = &watched{ReadCloser: r.Body, begins: func() {
				once.Do(func() { fmt.Fprintln(stdout, time.Now().UnixNano()) })
			}}
		}
		server.ServeHTTP(w, r)
	}), nil)
}

// watched is a body that tells when it has begun.
type watched struct {
	io.ReadCloser
	n      int
	begins func()
}

// Read implements io.Reader.
func (b *watched) Read(p []byte) (int, error) {
	if b.n >= begun {
		return b.ReadCloser.Read(p)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), begun)])
	if b.n += n; b.n >= begun {
		b.begins()
	}
	return n, err
}

// serveManifest is an account server that has a long manifest, and nothing else.
func serveManifest(ctx context.Context, args []string, _, stderr io.Writer) error {
	entries := 0
	if err := flags("manifest", args, func(set *flag.FlagSet) { set.IntVar(&entries, "entries", 0, "") }); err != nil {
		return err
	}
	text, err := material.ServerManifest(entries)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sync/pull", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(text))) // as serve says it
		_, _ = w.Write(text)                                      // the client may be gone
	})
	return listen(ctx, stderr, mux, nil)
}
