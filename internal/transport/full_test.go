package transport_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// A server without room is asked once, and looked at no further: no second attempt
// would fare better. Where it is in this process, the full disk is ours.
func TestAFullServerIsAskedOnce(t *testing.T) {
	for _, own := range []bool{false, true} {
		requests := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests++
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusInsufficientStorage)
			_, _ = io.WriteString(w, `{"error":"the server's disk is full"}`)
		}))
		defer server.Close()
		remote := wiretest.Dial(t, server.URL, transport.Options{OwnDisk: own, Known: transport.Facts{Kind: transport.KindAccount}})
		chunk := wiretest.Sample()
		errs := []error{remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open)}
		_, err := remote.PushMutations(t.Context(), []engram.MutationEntry{{Entity: "session", EntityKey: "s", Op: "upsert", Payload: []byte(`{}`)}}, "key")
		for _, err := range append(errs, err) {
			if errors.Is(err, syscall.ENOSPC) != own || errors.Is(err, transport.ErrUnavailable) == own || errors.Is(err, engram.ErrOutcomeUnknown) {
				t.Errorf("own disk %t: %v", own, err)
			}
		}
		if requests != 2 {
			t.Errorf("own disk %t: %d requests", own, requests)
		}
	}
}
