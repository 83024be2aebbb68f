package httplayer_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// tokenFunc is a TokenSource.
type tokenFunc func(context.Context) (string, error)

func (f tokenFunc) Token(ctx context.Context) (string, error) { return f(ctx) }

func TestCleartextIsForLoopbackOnly(t *testing.T) {
	for host, allowed := range map[string]bool{
		"https://engram.example.com":      true,
		"http://localhost":                true,
		"http://LOCALHOST:8080":           true,
		"http://127.0.0.1:8080":           true,
		"http://127.255.1.2":              true,
		"http://[::1]:8080":               true,
		"http://[::ffff:127.0.0.1]":       true,
		"http://engram.example.com":       false,
		"http://localhost.evil.com":       false,
		"http://evil.localhost":           false,
		"http://localhost.":               false,
		"http://127.0.0.1.evil.com":       false,
		"http://127.1":                    false, // a name to resolvers, and who knows whose
		"http://2130706433":               false,
		"http://0.0.0.0":                  false,
		"http://[::]":                     false,
		"http://[::ffff:128.0.0.1]":       false,
		"http://10.0.0.1":                 false,
		"http://xn--localhost-.evil.com":  false,
		"http://ｌocalhost":                false, // IDNA makes it localhost, but only later
		"http://192.168.1.1:80/localhost": false,
	} {
		seen := &wiretest.Recorder{Body: wiretest.EmptyManifest}
		_, err := wiretest.Dial(t, host, transport.Options{Base: seen}).ReadManifest(t.Context())
		switch {
		case allowed && (err != nil || len(seen.Seen) != 1 || seen.Seen[0].Header.Get("Authorization") != "Bearer secret-token"):
			t.Errorf("%s: got %v after %d requests", host, err, len(seen.Seen))
		case !allowed && (!errors.Is(err, transport.ErrCleartext) || len(seen.Seen) != 0):
			t.Errorf("%s: got %v after %d requests, want a refusal before any", host, err, len(seen.Seen))
		}
		if err != nil {
			wiretest.OneClass(t, err, transport.ErrCleartext)
		}
	}
}

func TestInsecureHTTPSaysOtherwise(t *testing.T) {
	seen := &wiretest.Recorder{Body: wiretest.EmptyManifest}
	remote := wiretest.Dial(t, "http://engram.example.com", transport.Options{Base: seen, InsecureHTTP: true})
	if _, err := remote.ReadManifest(t.Context()); err != nil || seen.Seen[0].Header.Get("Authorization") != "Bearer secret-token" {
		t.Errorf("got %v", err)
	}
}

// Without a token there is nothing to protect, and no header.
func TestNoTokenNoHeader(t *testing.T) {
	for name, source := range map[string]transport.TokenSource{"no source": nil, "empty token": wiretest.Token("")} {
		seen := &wiretest.Recorder{Body: wiretest.EmptyManifest}
		remote, err := transport.NewRemoteTransport("http://engram.example.com", source, transport.Options{Base: seen, UserAgent: "test/1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := remote.ReadManifest(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		header := seen.Seen[0].Header
		if _, ok := header["Authorization"]; ok || header.Get("User-Agent") != "test/1" {
			t.Errorf("%s: header %v", name, header)
		}
	}
}

// A token that would break the header fails at once: no attempt, no retry, and
// no word of the token.
func TestBadTokensAreNeverSent(t *testing.T) {
	for _, bad := range []string{"hunter2\n", "hunter2\r\nX-Evil: 1", "hunter 2", "hunter2\x00", "hunter2é", "\thunter2", "\x7fhunter2"} {
		seen := &wiretest.Recorder{Body: wiretest.EmptyManifest}
		remote, err := transport.NewRemoteTransport(wiretest.Somewhere, wiretest.Token(bad), transport.Options{Base: seen})
		if err != nil {
			t.Fatal(err)
		}
		_, err = remote.ReadManifest(t.Context())
		if len(seen.Seen) != 0 {
			t.Errorf("%q: %d requests", bad, len(seen.Seen))
		}
		wiretest.OneClass(t, err, transport.ErrUnauthorized)
		wiretest.OneLine(t, err)
		if err != nil && strings.Contains(err.Error(), "hunter") {
			t.Errorf("the error repeats the token: %v", err)
		}
	}
}

// What the source says passes through, once, without an attempt.
func TestErrorsOfTheSourcePassThrough(t *testing.T) {
	locked := errors.New("keyring is locked")
	asked := 0
	seen := &wiretest.Recorder{}
	remote, err := transport.NewRemoteTransport(wiretest.Somewhere, tokenFunc(func(context.Context) (string, error) {
		asked++
		return "", locked
	}), transport.Options{Base: seen})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.ReadManifest(t.Context()); !errors.Is(err, locked) || errors.Is(err, transport.ErrUnavailable) {
		t.Errorf("read: got %v", err)
	}
	opened := &wiretest.Openings{Chunk: wiretest.Sample()}
	if err := remote.WriteChunk(t.Context(), opened.Chunk.Entry, opened.Open); !errors.Is(err, locked) {
		t.Errorf("write: got %v", err)
	}
	if asked != 2 || len(seen.Seen) != 0 || opened.Left() != 0 {
		t.Errorf("asked %d times, %d requests, %d chunks left open", asked, len(seen.Seen), opened.Left())
	}
}

// Logs hold neither tokens nor what servers say, and one line per attempt.
func TestLogsHoldNoSecrets(t *testing.T) {
	var log strings.Builder
	seen := &wiretest.Recorder{Body: `{"chunks":[],"version":1,"note":"server-words"}`}
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{
		Base: seen, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if _, err := remote.ReadManifest(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := log.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "method=GET") || !strings.Contains(text, "status=200") {
		t.Errorf("logged %q", text)
	}
	for _, secret := range []string{"secret-token", "Bearer", "server-words"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q: %s", secret, text)
		}
	}
}
