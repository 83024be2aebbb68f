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

// What it takes does not grow with the rows: none of them is taken apart into values. (A mutation
// is, and so is a row that is odd.)
func TestRowsAreNotDecoded(t *testing.T) {
	chunk := func(rows int) []byte {
		row := `{"id":1,"sync_id":"o","session_id":"s","type":"t","title":"T é \n","content":"C \u003cb\u003e","project":"q","scope":"project","x":{"b":[1.5e3,null],"a":-1}}`
		return []byte(`{"sessions":[` + goodSession + `],"observations":[` + strings.Repeat(row+",", rows) + row + `],"prompts":[]}`)
	}
	form, few, many := canon.Of(engram.Gen1), chunk(10), chunk(5000)
	for name, f := range map[string]func([]byte) error{
		"encode":   func(data []byte) error { _, err := canon.Encode(data); return err },
		"push":     func(data []byte) error { _, err := form.ForPush(data, "p"); return err },
		"validate": func(data []byte) error { _, err := form.Validate(data, "p", noSession); return err },
	} {
		count := func(data []byte) float64 {
			return testing.AllocsPerRun(3, func() {
				if err := f(data); err != nil {
					t.Error(err)
				}
			})
		}
		if a, b := count(few), count(many); b > a+50 {
			t.Errorf("%s: %v allocations for 10 rows, %v for 5000", name, a, b)
		}
	}
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
