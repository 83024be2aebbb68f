package protocol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
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

// batch is a push of mutations. It is small enough to be made in memory.
type batch struct {
	form Form
	rows int
	text []byte
}

// PushMutations sends a batch once: POST /sync/mutations/push. Rows that could not
// arrive as they are are refused with a ContentError, as a server would do. key names
// the batch to servers that know Idempotency-Key; "" names it to none. What is
// uncertain comes back as an UncertainError, which is final: only who knows the
// journal can settle it.
func PushMutations(
	ctx context.Context, client *httplayer.Client, call *httplayer.Call, form Form, entries []engram.MutationEntry, key string,
) (result engram.PushMutationsResult, outcome httplayer.Outcome, err error) {
	b, err := newBatch(form, entries, key)
	if err != nil {
		return result, httplayer.Final, fmt.Errorf("%s: %w", call.Op, err)
	}
	resp, delivery, err := client.Post(ctx, call, httplayer.Message{
		Path: "/sync/mutations/push", Key: key,
		NewBody: func() (httplayer.Body, error) { return httplayer.TextBody(b.text), nil },
	})
	if err == nil {
		defer func() { _ = resp.Body.Close() }() // its content has been judged
	}
	switch {
	case err != nil:
	case resp.StatusCode == http.StatusOK:
		result, err = b.judge(call.Op, resp, delivery)
		return result, httplayer.Final, err
	default:
		err = b.refusal(client, call, resp)
	}
	sent := delivery.Sent() && !delivery.Idle
	if outcome = httplayer.Judge(ctx, err, sent); outcome == httplayer.Uncertain {
		return result, httplayer.Final, uncertain(call.Op, err)
	}
	return result, outcome, err
}

func newBatch(form Form, entries []engram.MutationEntry, key string) (*batch, error) {
	if key != "" && (len(key) > maxKeyBytes || !httplayer.FitsHeader(key)) {
		return nil, httplayer.Refusal("an idempotency key is 1 to %d visible ASCII characters", maxKeyBytes)
	}
	b := &batch{form: form, rows: len(entries)}
	if form.MaxRows > 0 && b.rows > form.MaxRows {
		return nil, &engram.BatchTooLargeError{Rows: b.rows, Err: httplayer.Refusal(
			"%d mutations are too many: the server takes at most %d in one push", b.rows, form.MaxRows)}
	}
	size := 64
	for _, e := range entries {
		size += 64 + len(e.Entity) + len(e.EntityKey) + len(e.Op) + len(e.Project) + len(e.Payload) + len(e.Extra)
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
func (b *batch) add(i int, e engram.MutationEntry) (err error) {
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
	if len(e.Payload) > 0 && !jsonscan.Valid(e.Payload) {
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
		text = append(append(text, separator, '"'), member.name...)
		text = appendQuoted(append(text, `":`...), member.value)
		separator = ','
	}
	if len(e.Payload) > 0 {
		text = append(append(text, `,"payload":`...), e.Payload...)
	}
	if e.Extra != "" {
		text = append(append(text, ','), e.Extra...)
	}
	return append(text, '}'), nil
}

// appendQuoted puts text behind the rest as Go's encoder writes it, which entities and
// keys hardly ever need.
func appendQuoted(dst []byte, text string) []byte {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(text) // a string can be encoded
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), text...), '"')
}

// judge believes only the answer of a server that stored the whole batch. Others
// tell of another server than we think, or of one that read the batch as an empty
// one (project-server.md 5), and the journal has to be asked. Source:
// account-server.md 4.1.
func (b *batch) judge(op string, resp *http.Response, delivery *httplayer.Delivery) (engram.PushMutationsResult, error) {
	var got Accepted
	body, err := httplayer.ReadText(resp)
	if err == nil {
		got, err = b.form.Read(body)
	}
	complete := err == nil && got.Rows != nil && got.LastSeq != nil
	switch {
	case err != nil:
		// The cause stands in the text.
	case !complete:
		err = errors.New("it does not say what was accepted")
	case *got.Rows != b.rows || *got.LastSeq <= 0:
		err = fmt.Errorf("accepted %d of %d, last_seq %d", *got.Rows, b.rows, *got.LastSeq)
	case !delivery.Sent():
		err = errors.New("it came before all was sent")
	default:
		return engram.PushMutationsResult{Accepted: *got.Rows, LastSeq: *got.LastSeq}, nil
	}
	return engram.PushMutationsResult{}, &engram.UncertainError{Done: complete, Err: fmt.Errorf(
		"%s: %w: it was sent, and the answer cannot be believed (%s)", op, engram.ErrOutcomeUnknown, httplayer.Printable(err.Error()))}
}

// uncertain is the error for a batch that was sent whole and got no good answer.
// A server that answered in its own format is done with it: even its 503 can
// follow a commit whose connection was lost. Source: account-server.md 10, 1.1.
func uncertain(op string, cause error) error {
	patience := httplayer.PatienceAfter(cause)
	why := strings.TrimPrefix(httplayer.Reason(cause), op+": ")
	return &engram.UncertainError{Done: patience == httplayer.None || patience == httplayer.Once, Brief: patience == httplayer.Brief, Err: fmt.Errorf(
		"%s: %w: it was sent, and no good answer came (%s)", op, engram.ErrOutcomeUnknown, why)}
}
