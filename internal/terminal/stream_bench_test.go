package terminal

import (
	"io"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/secret"
)

// What taking secrets and control characters out of a large document costs.
func BenchmarkStream(b *testing.B) {
	secret.Add("eng_benchmark0123456789abcdef01234567", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJiZW5jaCI6MX0.0123456789abcdefghijklmnopq")
	doc := []byte(strings.Repeat(`{"id":"0cdb38de","created_by":"ana","created_at":"2026-11-22T09:14:58Z","sessions":1},`, 10_000) + "\n")
	s := newStream(io.Discard)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		_, _ = s.line(doc)
	}
}
