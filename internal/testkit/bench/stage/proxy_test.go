package stage_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/bench/stage"
)

// What goes through a proxy comes out as it was, in both directions, and no sooner than over the distance: a round trip
// for the connection and one for the request. The next server is found at the same address.
func TestADistanceCostsTime(t *testing.T) {
	const roundTrip = 20 * time.Millisecond
	proxy, err := stage.NewProxy(t.Context(), roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	large := strings.Repeat("a word of many, ", 200_000)
	var address string
	for _, prefix := range []string{"first ", "second "} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, prefix)
			_, _ = io.Copy(w, r.Body)
		}))
		defer server.Close()
		if err := proxy.To(server.URL); err != nil {
			t.Fatal(err)
		}
		if address != "" && proxy.URL != address {
			t.Errorf("the address was %s and is %s", address, proxy.URL)
		}
		address = proxy.URL
		began := time.Now()
		client := &http.Client{Transport: &http.Transport{}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, proxy.URL, strings.NewReader(large))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		if err != nil || string(answer) != prefix+large {
			t.Errorf("%d bytes came back of %d: %v", len(answer), len(prefix+large), err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 2*roundTrip {
			t.Errorf("it took %v, less than two round trips", took)
		}
		client.CloseIdleConnections()
	}
}
