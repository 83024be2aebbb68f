package httplayer

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// roundTrip is a server that reads the whole request and answers with as much.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Ten seconds' worth of bytes takes ten seconds, whatever the number of requests, and each way by itself.
func TestPace(t *testing.T) {
	const second = 100_000
	for _, test := range []struct {
		name     string
		up, down int64
		want     time.Duration
	}{
		{"up", second, 0, 10 * time.Second},
		{"down", 0, second, 10 * time.Second},
		{"both", second, 2 * second, 15 * time.Second},
		{"a byte a second is slow, and works", 0, second / 100, 1000 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pace := &Pace{Next: roundTrip(func(req *http.Request) (*http.Response, error) {
					text, err := io.ReadAll(req.Body)
					return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(text))}, err
				})}
				pace.Up, pace.Down = NewPace(test.up), NewPace(test.down)
				began := time.Now()
				for range 2 {
					body := strings.Repeat("x", 5*second)
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/", strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					resp, err := pace.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					got, err := io.ReadAll(resp.Body)
					if err != nil || string(got) != body {
						t.Fatalf("%d bytes came back, %v", len(got), err)
					}
					_ = resp.Body.Close()
				}
				// The first piece goes at once.
				if took := time.Since(began); took > test.want || took < test.want-2*time.Second {
					t.Errorf("it took %v, want a little less than %v", took, test.want)
				}
			})
		})
	}
}
