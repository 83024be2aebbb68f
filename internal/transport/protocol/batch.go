package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// MaxBatchBytes is the most that an account server takes in one push of
// mutations, the envelope included. Source: account-server.md 1.3.
const MaxBatchBytes = 10_485_760

// maxKeyBytes is how long a key may be. Our server refuses a longer one with a
// 400, which would read as if a row was to blame.
const maxKeyBytes = 128

// Form is how a kind of server wants a batch.
type Form struct {
	Member   string // of the envelope, which holds the rows
	MaxRows  int    // 0 is any number
	MaxBytes int64
	// Row brings a row into the form that the server wants; nil leaves it as it is.
	Row func(engram.MutationEntry) (engram.MutationEntry, error)
	// Read reads the answer of a server that says that it stored the batch.
	Read func(answer []byte) (Accepted, error)
}

// Accepted is how many rows a server says that it stored, and the number of the
// last; nil where it does not say so.
type Accepted struct {
	Rows    *int   `json:"accepted"`
	LastSeq *int64 `json:"last_seq"`
}

// Batch is a push of mutations: POST /sync/mutations/push. It is small enough to be
// made in memory.
type Batch struct {
	form Form
	rows int
	text []byte
	key  string
}

// NewBatch makes a batch. Rows that could not arrive as they are are refused with a
// ContentError, as a server would do. key names the batch to servers that know
// Idempotency-Key; "" names it to none.
func NewBatch(form Form, entries []engram.MutationEntry, key string) (*Batch, error) {
	if key != "" && (len(key) > maxKeyBytes || !httplayer.FitsHeader(key)) {
		return nil, httplayer.Refusal("an idempotency key is 1 to %d visible ASCII characters", maxKeyBytes)
	}
	b := &Batch{form: form, rows: len(entries), key: key}
	if form.MaxRows > 0 && b.rows > form.MaxRows {
		return nil, &engram.BatchTooLargeError{Rows: b.rows, Err: httplayer.Refusal(
			"%d mutations are too many: the server takes at most %d in one push", b.rows, form.MaxRows)}
	}
	size := 64
	for _, e := range entries {
		size += 64 + len(e.Entity) + len(e.EntityKey) + len(e.Op) + len(e.Project) + len(e.Payload)
	}
	b.text = fmt.Appendf(make([]byte, 0, min(size, MaxBatchBytes)), `{%q:[`, form.Member)
	for i, e := range entries {
		if err := b.add(i, e); err != nil {
			return nil, err
		}
	}
	b.text = append(b.text, "]}"...)
	return b, nil
}

// add puts one row into the batch.
func (b *Batch) add(i int, e engram.MutationEntry) (err error) {
	if i > 0 {
		b.text = append(b.text, ',')
	}
	if b.form.Row != nil {
		if e, err = b.form.Row(e); err != nil {
			return err
		}
	}
	if b.text, err = appendEntry(b.text, e); err != nil {
		return &engram.ContentError{Err: httplayer.Refusal("mutation %d of %d was not sent: %v", i+1, b.rows, err)}
	}
	if int64(len(b.text)+len("]}")) > b.form.MaxBytes {
		return &engram.BatchTooLargeError{Limit: b.form.MaxBytes, Rows: b.rows, Err: httplayer.Refusal(
			"%d mutations are too large: the server takes at most %s in one push", b.rows, bytesAndMiB(b.form.MaxBytes))}
	}
	return nil
}

// appendEntry puts an entry behind the text. An absent payload stays absent:
// null would be another one. A payload that is not one JSON value could add
// members of its own.
func appendEntry(text []byte, e engram.MutationEntry) ([]byte, error) {
	if len(e.Payload) > 0 && !json.Valid(e.Payload) {
		return text, errors.New("its payload is not valid JSON")
	}
	separator := byte('{')
	for _, member := range [...]struct{ name, value string }{
		{"entity", e.Entity}, {"entity_key", e.EntityKey}, {"op", e.Op}, {"project", e.Project},
	} {
		if member.name == "project" && member.value == "" {
			continue
		}
		if !utf8.ValidString(member.value) {
			return text, fmt.Errorf("its %s is not valid UTF-8", member.name)
		}
		value, err := json.Marshal(member.value)
		if err != nil {
			return text, err
		}
		text = append(append(text, separator, '"'), member.name...)
		text = append(append(text, `":`...), value...)
		separator = ','
	}
	if len(e.Payload) > 0 {
		text = append(append(text, `,"payload":`...), e.Payload...)
	}
	return append(text, '}'), nil
}
