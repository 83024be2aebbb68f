package projectserver

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// compressedType is the envelope of later releases: the same JSON, in gzip.
// Source: project-server.md 12.
const compressedType = "application/vnd.engram.sync+gzip"

// readBody decodes the first JSON value of a push. What follows it does not
// count against the limit (A, "Body limit").
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, v any, prefix string) *refusal {
	var body io.Reader = http.MaxBytesReader(w, r.Body, s.opts.MaxPushBytes)
	if s.opts.Compressed && isCompressed(r.Header.Get("Content-Type")) {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return invalid(prefix + err.Error())
		}
		body = http.MaxBytesReader(w, io.NopCloser(unzipped), s.opts.MaxPushBytes)
	}
	err := json.NewDecoder(body).Decode(v)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(s.opts.MaxPushBytes)
	case err != nil:
		return invalid(prefix + err.Error())
	}
	return nil
}

func isCompressed(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	return err == nil && kind == compressedType && params["version"] == "1"
}

// writeBody answers with a chunk, compressed if both sides can.
func (s *Server) writeBody(w http.ResponseWriter, r *http.Request, body []byte) {
	if !s.opts.Compressed || !strings.Contains(r.Header.Get("Accept"), compressedType) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // who has gone reads no answer
		return
	}
	w.Header().Set("Content-Type", compressedType+"; version=1")
	zipped := gzip.NewWriter(w)
	_, _ = zipped.Write(body)
	_ = zipped.Close()
}
