package canon_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// bigChunk has observations of about 700 bytes each, half of them as mutations too.
func bigChunk(b *testing.B, size int) []byte {
	b.Helper()
	var rows, mutations []string
	content := strings.Repeat("some \\\"words\\\" of <content>\\n", 15)
	for written := 0; written < size; {
		row := fmt.Sprintf(`{"id":%d,"sync_id":"obs-%x","session_id":"s","type":"decision","title":"T","content":"%s","project":"p",`+
			`"scope":"project","revision_count":1,"duplicate_count":0,"created_at":"2026-01-02 03:04:05","updated_at":"2026-01-02 03:04:05"}`,
			len(rows), len(rows), content)
		rows = append(rows, row)
		written += len(row) + 1
		if len(rows)%2 == 0 {
			payload, err := json.Marshal(row)
			if err != nil {
				b.Fatal(err)
			}
			mutations = append(mutations, `{"entity":"observation","op":"upsert","payload":`+string(payload)+`}`)
			written += len(mutations[len(mutations)-1]) + 1
		}
	}
	return []byte(`{"sessions":[` + goodSession + `],"observations":[` + strings.Join(rows, ",") +
		`],"prompts":null,"mutations":[` + strings.Join(mutations, ",") + `]}`)
}

func BenchmarkCanonical(b *testing.B) {
	data := bigChunk(b, 40<<20)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := canon.Of(engram.Gen1).Canonical(data, "p"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	data := bigChunk(b, 40<<20)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := canon.Encode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	data := bigChunk(b, 40<<20)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if problems, err := canon.Of(engram.Gen1).Validate(data, "p", noSession); err != nil || len(problems) > 0 {
			b.Fatal(problems, err)
		}
	}
}
