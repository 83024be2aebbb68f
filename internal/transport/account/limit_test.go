package account_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// The server's limit is known: a larger chunk is refused by it before a byte is
// sent where the size is known, and else before the limit is passed.
func TestTheLimitIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	const limit = 52_428_800
	id := engram.IDOf(sha256.Sum256(nil))
	for name, hint := range map[string]int64{"size known": 60 << 20, "size unknown": 0} {
		t.Run(name, func(t *testing.T) {
			var requests, read int64
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
				requests++
				n, err := io.Copy(io.Discard, req.Body)
				read = n
				return nil, err
			})})
			err := remote.WriteChunk(t.Context(), engram.ChunkEntry{ID: id}, func() (*engram.Chunk, error) {
				c := engram.NewChunk(id, io.NopCloser(&wiretest.Endless{}), 1<<40)
				c.SizeHint = hint
				return c, nil
			})
			var large *transport.TooLargeError
			if !errors.As(err, &large) || large.ID != id || large.Limit != limit || !strings.Contains(err.Error(), "52428800 bytes (50 MiB)") {
				t.Errorf("got %v", err)
			}
			wiretest.OneClass(t, err, transport.ErrRefused)
			if requests > 1 || hint > 0 && requests != 0 || read > limit {
				t.Errorf("%d requests, %d bytes", requests, read)
			}
		})
	}
}

// The limit is inclusive: an envelope of exactly 50 MiB goes, with one byte more it stays.
func TestTheLimitIsInclusive(t *testing.T) {
	around := int64(len(wiretest.NewChunk("").Envelope(t)))
	for over := range int64(2) {
		chunk := wiretest.NewChunk(`{"a":"` + strings.Repeat("x", int(52_428_800-around+over)-len(`{"a":""}`)) + `"}`)
		for name, open := range map[string]transport.OpenFunc{"sized": chunk.Sized, "not sized": chunk.Open} {
			if over == 0 && name == "sized" {
				continue // it says no more than the other, in a second
			}
			var read int64
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
				var err error
				if read, err = io.Copy(io.Discard, req.Body); err != nil {
					return nil, err
				}
				return wiretest.Accepted(req, chunk), nil
			})})
			err := remote.WriteChunk(t.Context(), chunk.Entry, open)
			if over == 0 && (err != nil || read != 52_428_800) || over == 1 && !errors.Is(err, transport.ErrRefused) {
				t.Errorf("%d over, %s: %v after %d bytes", over, name, err, read)
			}
		}
	}
}
