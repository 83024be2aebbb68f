package pushbody_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server/pushbody"
)

// FuzzData: of a body that a push was taken with, what comes out is what was hashed then.
func FuzzData(f *testing.F) {
	for _, body := range []string{
		`{"chunk_id":"00000001","created_by":"x","data":{"sessions":[{"id":"s"}]}}`, `{"chunk_id":"00000001"}`, `{"chunk_id":"00000001","data":null}`,
		`{"x":{"data":{}},"chunk_id":"00000001", "DATA" : {"a":"}"} , "y":[{"data":1}] }`, "{\"chunk_id\":\"00000001\",\"d\\u0061ta\":{}\n}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p := pushbody.NewEnvelopeParser()
		if p.Feed(body) != nil {
			return
		}
		chunk, err := p.Finish()
		if err != nil {
			return
		}
		content, err := io.ReadAll(pushbody.NewData(bytes.NewReader(body), len(body)))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if got := hex.EncodeToString(sum[:]); got != chunk.DataSHA256 && (len(content) > 0 || chunk.DataSHA256 != "") {
			t.Errorf("%q came out", content)
		}
	})
}
