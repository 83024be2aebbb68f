package transport

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
)

// gzipEnvelope is the type of compressed envelopes, which newer project servers
// take and give. Source: project-server.md 12.
const gzipEnvelope = "application/vnd.engram.sync+gzip"

// gzipUse is whether pushes go out compressed.
type gzipUse int

const (
	gzipUnknown gzipUse = iota
	gzipShown           // the server gave a compressed chunk
	gzipRefused         // it refused one, which counts from then on
)

// showsGzip remembers that the server knows compressed envelopes.
func (t *RemoteTransport) showsGzip() {
	t.kindMu.Lock()
	defer t.kindMu.Unlock()
	if t.gzip == gzipUnknown {
		t.gzip = gzipShown
	}
}

func (t *RemoteTransport) refuseGzip() {
	t.kindMu.Lock()
	defer t.kindMu.Unlock()
	t.gzip = gzipRefused
}

func (t *RemoteTransport) takesGzip() bool {
	t.kindMu.Lock()
	defer t.kindMu.Unlock()
	return t.gzip == gzipShown
}

// refusesGzip says whether an answer is that of a server that does not know
// compressed envelopes.
func refusesGzip(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && (status.Status == http.StatusBadRequest || status.Status == http.StatusUnsupportedMediaType)
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
