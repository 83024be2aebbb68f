package project

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// gzipEnvelope is the type of compressed envelopes, which newer project servers take
// for chunks, and for nothing else, and give. Source: engram-2.md 4.3, 10.
const gzipEnvelope = "application/vnd.engram.sync+gzip"

// Gzip says whether chunks go out compressed.
type Gzip string

// A compressed chunk that the server gave is the one safe sign that it takes them.
// Source: engram-2.md 4.1.
const (
	GzipUnknown Gzip = ""
	GzipShown   Gzip = "shown"   // the server gave a compressed chunk
	GzipRefused Gzip = "refused" // it refused one that it took as it was, which counts from then on
)

// mayRefuseGzip says whether an answer may be that of a server, or of a proxy before
// it, that takes no compressed envelope: a bad chunk is refused in the same way. A
// limit that the server names counts what was compressed. Source: engram-2.md 4.3.
func mayRefuseGzip(err error) bool {
	if large, ok := errors.AsType[*protocol.TooLargeError](err); ok {
		return large.Limit == 0
	}
	status, ok := errors.AsType[*httplayer.StatusError](err)
	return ok && (status.Status == http.StatusBadRequest || status.Status == http.StatusRequestEntityTooLarge ||
		status.Status == http.StatusUnsupportedMediaType)
}

func compress(text []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(text)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress a push: %w", err)
	}
	return out.Bytes(), nil
}
