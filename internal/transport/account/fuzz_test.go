package account_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// FuzzEnvelope: whatever a server answers, content is believed only where the
// standard library finds the same bytes in an envelope that has one reading.
func FuzzEnvelope(f *testing.F) {
	chunk := wiretest.NewChunk(`{"a":1}`)
	for _, template := range []string{
		`{"chunk_id":"ID","created_by":"dev","engram_sync_entry":ENTRY,"data":DATA}`,
		` { "data" : DATA , "chunk_id" : "ID" } `,
		`{"chunk_id":"ID","data":DATA,"DATA":{}}`,
		`{"chunk_id":"ID","d\u0061ta":DATA}`,
		`{"chunk_id":"ID","data":DATA,"x":[{"data":null}]}`,
		`{"chunk_id":"ID","data":{"a":1 }}`,
		`{"chunk_id":"ID","data":null,"x":DATA}`,
		`{"chunK_id":"ID","data":DATA}`,
		`{"chunk_id":"ID","data":DATA}{`,
		`{"chunk_id":"ID","data":DATA,"":1,"` + "\xff" + `":2}`,
	} {
		f.Add([]byte(inEnvelope(f, chunk, template)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, entry, err := pull(t, chunk, string(body), transport.Options{MaxChunkBytes: 1 << 20})
		data, sound := readOracle(body)
		fits := sound && data.id == chunk.ID().String() && engram.IDOf(sha256.Sum256(data.data)) == chunk.ID()
		switch {
		case err == nil && !fits:
			t.Errorf("%q was believed", body)
		case err == nil && got != string(data.data):
			t.Errorf("got %q, want %q", got, data.data)
		case err != nil && !errors.Is(err, engram.ErrDamaged):
			t.Errorf("%q gave %v, which is no damage", body, err)
		case err != nil && (entry != nil || fits && !data.odd):
			t.Errorf("%q was refused: %v", body, err)
		}
	})
}

// oracle is an envelope as the standard library reads it.
type oracle struct {
	id   string
	data json.RawMessage
	odd  bool // something that only we refuse
}

// readOracle reads an envelope token by token; sound says that it is one that has
// one reading: one object, no member twice in any spelling.
func readOracle(body []byte) (o oracle, sound bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return o, false
	}
	names := []string{"chunk_id", "created_by", "engram_sync_entry", "data"}
	met := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || met[name] || dec.Decode(&value) != nil {
			return o, false
		}
		for _, known := range names {
			if name != known && strings.EqualFold(name, known) {
				return o, false
			}
		}
		met[name], names = true, append(names, name)
		o.odd = o.odd || len(name) > 40 || len(value) > 60_000 || len(met) > 60
		switch name {
		case "data":
			if value[0] != '{' {
				return o, false
			}
			o.data = value
		case "chunk_id":
			if json.Unmarshal(value, &o.id) != nil {
				return o, false
			}
		}
	}
	if _, err := dec.Token(); err != nil {
		return o, false
	}
	_, err := dec.Token()
	return o, err == io.EOF && o.data != nil
}
