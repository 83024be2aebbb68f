package readers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/testkit/importer"
)

// BenchmarkRead reads a chunk of 1,000 memories of 1.3 kB.
func BenchmarkRead(b *testing.B) {
	doc := importer.Doc{Sessions: []importer.Row{importer.ASession("s")}}
	for i := range 1000 {
		doc.Observations = append(doc.Observations, importer.AnObservation(fmt.Sprintf("obs-%016x", i), "s").With(importer.Row{"content": strings.Repeat("some words of content\n", 60)}))
	}
	text, err := json.Marshal(doc)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readers.Read(bytes.NewReader(text), key); err != nil {
			b.Fatal(err)
		}
	}
}
