// Package pgtest gives tests a real PostgreSQL: one that it starts from the
// programs on this machine, for the tests of one package, or the one that
// ENGRAM_SYNC_TEST_POSTGRES names, whose user may make databases. Where there is
// neither, tests are skipped, unless that variable says "required".
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// variable names a server, or says that the tests must not be skipped.
const variable, required = "ENGRAM_SYNC_TEST_POSTGRES", "required"

// shared is the server of all tests of a package. It starts with the first one
// that asks, and Main stops it.
var shared = struct {
	start  func() (*Server, error)
	server atomic.Pointer[Server]
}{start: sync.OnceValues(start)}

// Main is a testing.M that stops the server that its tests started.
type Main struct{ *testing.M }

// Run runs the tests.
func (m Main) Run() (code int) {
	defer func() {
		if s := shared.server.Load(); s != nil {
			s.stop()
		}
	}()
	return m.M.Run()
}

var databases atomic.Int64

// Database makes an empty database, and gives its URL. It is dropped with the test.
func Database(t testing.TB) (address string) {
	t.Helper()
	server := os.Getenv(variable)
	if server == "" || server == required {
		s, err := shared.start()
		if err != nil {
			missing(t, err)
		}
		shared.server.Store(s)
		server = s.URL
	}
	return database(t, server)
}

// missing skips a test without a server, or fails it where that must not be.
func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv(variable) == required {
		t.Fatal(err)
	}
	t.Skipf("left out without PostgreSQL: %v (Debian: postgresql; or name a server with %s)", err, variable)
}

func database(t testing.TB, server string) (address string) {
	t.Helper()
	// The number of the process tells apart the packages that use one server at once.
	name := fmt.Sprintf("engram_sync_test_%d_%d", os.Getpid(), databases.Add(1))
	run := func(statement string) {
		t.Helper()
		ctx := context.WithoutCancel(t.Context()) // which has ended when the database is dropped
		conn, err := pgx.Connect(ctx, server)
		if err == nil {
			_, err = conn.Exec(ctx, statement)
			_ = conn.Close(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run("CREATE DATABASE " + name)
	t.Cleanup(func() { run("DROP DATABASE " + name + " WITH (FORCE)") })
	return Named(t, server, name)
}

// Make makes an empty database on the server, under a name that it does not have, and gives its URL.
func (s *Server) Make(ctx context.Context, name string) (address string, err error) {
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// Named gives the URL of another database on the same server.
func Named(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s: it is no URL", variable)
	}
	u.Path = "/" + strings.TrimPrefix(name, "/")
	return u.String()
}
