package httplayer

import (
	"context"
	"io"
	"net/http"

	"golang.org/x/time/rate"
)

// Pace holds bodies to a number of bytes a second, of all requests together: Up for what is sent, Down for what comes, nil for
// as fast as it goes. It counts bodies as they are sent and received, compressed where they are. It belongs above Stall: who
// waits for its turn does not stand still.
type Pace struct {
	Next     http.RoundTripper
	Up, Down *rate.Limiter
}

// maxPiece is what goes at once at most, in bytes: enough for any line, and little enough to be even.
const maxPiece = 64 << 10

// NewPace gives a pace of this many bytes a second, which also is what goes at once where that is less than maxPiece; nil for 0.
func NewPace(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), int(min(bytesPerSecond, maxPiece)))
}

// RoundTrip sends a request whose bodies keep the pace.
func (p *Pace) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if p.Up != nil && req.Body != nil && req.Body != http.NoBody {
		req = req.WithContext(ctx) // a copy
		req.Body = &pacedBody{req.Body, ctx, p.Up}
		if get := req.GetBody; get != nil {
			req.GetBody = func() (io.ReadCloser, error) {
				body, err := get()
				if err != nil {
					return nil, err
				}
				return &pacedBody{body, ctx, p.Up}, nil
			}
		}
	}
	resp, err := p.Next.RoundTrip(req)
	if err == nil && p.Down != nil {
		resp.Body = &pacedBody{resp.Body, ctx, p.Down}
	}
	return resp, err
}

type pacedBody struct {
	io.ReadCloser
	ctx  context.Context
	pace *rate.Limiter
}

func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.pace.Burst())])
	if n > 0 {
		if wait := b.pace.WaitN(b.ctx, n); wait != nil {
			return n, wait
		}
	}
	return n, err
}
