package projectserver

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// compressedType is the envelope of later releases: the same JSON, in gzip.
// Source: engram-2.md 4.3.
const compressedType = "application/vnd.engram.sync+gzip"

// readBody decodes the first JSON value of a push. What follows it does not
// count against the limit (A, "Body limit").
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, v any, prefix string) *refusal {
	return s.badBody(json.NewDecoder(http.MaxBytesReader(w, r.Body, s.opts.MaxPushBytes)).Decode(v), prefix, "")
}

// badBody is the answer to a body that was read with an error, or nil.
func (s *Server) badBody(err error, prefix, decoded string) *refusal {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(s.opts.MaxPushBytes, decoded)
	case err != nil:
		return invalid(prefix + err.Error())
	}
	return nil
}

// readChunk decodes the body of a chunk push. Newer releases know gzip by how it
// begins, whatever the type says, and take one JSON value, with nothing after it.
// Source: engram-2.md 4.3, 10.
func (s *Server) readChunk(w http.ResponseWriter, r *http.Request, v any) *refusal {
	const prefix = "invalid push payload: "
	contentType := r.Header.Get("Content-Type")
	isGzip, known := namesGzip(contentType)
	if !s.traits.envelope && (!s.opts.Compressed || !isGzip) {
		return s.readBody(w, r, v, prefix)
	}
	if !known {
		return unknownType(contentType)
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.opts.MaxPushBytes))
	if err != nil {
		return s.badBody(err, prefix, "")
	}
	if isGzip || bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(bytes.NewReader(text))
		if err == nil {
			text, err = io.ReadAll(http.MaxBytesReader(w, io.NopCloser(unzipped), s.opts.MaxPushBytes))
		}
		if err != nil {
			return s.badBody(err, prefix, "decoded ")
		}
	}
	bad := s.badBody(json.Unmarshal(text, v), prefix, "")
	if bad != nil {
		bad.text += ` (content-type: "` + contentType + `")`
	}
	return bad
}

// namesGzip says whether a Content-Type is the envelope's; known is false for one
// that newer releases do not take.
func namesGzip(contentType string) (isGzip, known bool) {
	kind, params, err := mime.ParseMediaType(cmp.Or(contentType, "application/json"))
	isGzip = kind == compressedType
	return isGzip, err == nil && (!isGzip || params["version"] == "1")
}

// maxCompressed is how large a chunk may be that is given compressed.
const maxCompressed = 8 << 20

// writeBody answers with a chunk, compressed if both sides can.
func (s *Server) writeBody(w http.ResponseWriter, r *http.Request, body []byte) {
	if s.traits.envelope {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Vary", "Accept")
	}
	knows := s.traits.envelope || s.opts.Compressed
	if !knows || len(body) > maxCompressed || !strings.Contains(r.Header.Get("Accept"), compressedType) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // who has gone reads no answer
		return
	}
	w.Header().Set("Content-Type", compressedType+"; version=1")
	zipped := gzip.NewWriter(w)
	_, _ = zipped.Write(body)
	_ = zipped.Close()
}
