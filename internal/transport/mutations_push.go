package transport

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxBatchBytes is the most that an account server takes in one push of
// mutations, the envelope included. Source: account-server.md 1.3.
const maxBatchBytes = 10_485_760

// idempotencyKey is written in small letters on purpose: where net/http sees the
// header in its usual spelling it takes a POST for repeatable and sends it again
// by itself when a kept connection breaks. Servers that don't know the header
// would store the batch twice.
const idempotencyKey = "idempotency-key"

// maxKeyBytes is how long a key may be. Our server refuses a longer one with a
// 400, which would read as if a row was to blame.
const maxKeyBytes = 128

// PushMutations stores a batch, all of it or nothing: POST /sync/mutations/push.
// Payloads go out byte for byte. key names the batch to servers that know
// Idempotency-Key; "" sends none. Nothing is asked for an empty batch. What was
// certainly not applied is sent again, up to Options.Retries; nothing else ever
// is. Errors that callers decide on, besides the classes of this package:
//
//   - *engram.UncertainError (ErrOutcomeUnknown): it was sent, and no answer
//     that can be believed came. The journal knows.
//   - *engram.ContentError: a row is refused for what it says.
//   - *engram.PausedError: a project in the batch is paused.
//   - *engram.BatchTooLargeError: the batch is over the server's limit.
//
// The last three wrap ErrRefused. Source: account-server.md 4.1, 4.5.
func (t *RemoteTransport) PushMutations(ctx context.Context, entries []MutationEntry, key string) (PushMutationsResult, error) {
	const op = "push mutations"
	if len(entries) == 0 {
		return PushMutationsResult{}, nil
	}
	b, err := t.newBatch(entries, key)
	if err != nil {
		return PushMutationsResult{}, fmt.Errorf("%s: %w", op, err)
	}
	c := &call{}
	ctx = withCall(ctx, c)
	pauses := newPauses()
	for {
		result, err := t.postBatch(ctx, op, b)
		sent := b.last.stop() && !c.unapplied
		if err == nil || errors.Is(err, ErrOutcomeUnknown) {
			return result, err
		}
		if !b.project && saysEmpty(err) {
			if b, err = t.projectBatch(entries, key); err != nil {
				return result, fmt.Errorf("%s: %w", op, err)
			}
			continue
		}
		switch fateOf(ctx, err, sent) {
		case fateKnown:
			return result, err
		case fateUncertain:
			return result, uncertain(op, err)
		}
		if c.attempts > t.opts.Retries {
			return result, err
		}
		if err := t.rest(ctx, op, pauses.NextBackOff(), err); err != nil {
			return result, err
		}
	}
}

// postBatch sends a batch once, and reads the answer.
func (t *RemoteTransport) postBatch(ctx context.Context, op string, b *batch) (PushMutationsResult, error) {
	var none PushMutationsResult
	body, err := b.newBody()
	if err != nil {
		return none, err
	}
	req, err := t.newRequest(ctx, http.MethodPost, "/sync/mutations/push")
	if err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	req.Body, req.GetBody, req.ContentLength = body, b.newBody, int64(len(b.text))
	req.Header.Set("Content-Type", "application/json")
	if b.key != "" {
		req.Header[idempotencyKey] = []string{b.key}
	}
	// Past the client, as no redirect of a POST is followed.
	resp, err := t.client.Transport.RoundTrip(req)
	if err != nil {
		return none, requestError(ctx, op, err)
	}
	if resp.StatusCode != http.StatusOK {
		return none, t.refusal(ctx, op, b, resp)
	}
	return t.readBatchResult(op, b, resp)
}

// batch is the body of a push of mutations. It is small enough to be made in memory.
type batch struct {
	rows    int
	text    []byte
	key     string
	project bool       // for a project server
	limit   int64      // of the text in bytes
	named   []string   // the projects in it, each once; none for an account server
	last    *batchBody // the latest body that was made
}

// newBatch makes the body, for the kind of server that this is. Where nobody has
// asked yet, that is an account server: a project server refuses what is meant for
// one. Rows that could not arrive as they are are refused with a ContentError, as a
// server would do.
func (t *RemoteTransport) newBatch(entries []MutationEntry, key string) (*batch, error) {
	if key != "" && (len(key) > maxKeyBytes || !fitsHeader(key)) {
		return nil, &refusedError{fmt.Sprintf("an idempotency key is 1 to %d visible ASCII characters", maxKeyBytes)}
	}
	size := 64
	for _, e := range entries {
		size += 64 + len(e.Entity) + len(e.EntityKey) + len(e.Op) + len(e.Project) + len(e.Payload)
	}
	b := &batch{rows: len(entries), key: key, text: make([]byte, 0, min(size, maxBatchBytes))}
	b.project, b.limit = t.Kind() == KindProject, maxBatchBytes
	b.text = append(b.text, `{"mutations":[`...)
	if b.project {
		b.limit = cmp.Or(t.pushLimit(), maxBatchBytes)
		b.text = append(b.text[:0], `{"entries":[`...)
		if b.rows > maxProjectRows {
			return nil, &engram.BatchTooLargeError{Rows: b.rows, Err: &refusedError{fmt.Sprintf(
				"%d mutations are too many: the server takes at most %d in one push", b.rows, maxProjectRows)}}
		}
	}
	for i, e := range entries {
		if err := t.addRow(b, i, e); err != nil {
			return nil, err
		}
	}
	b.text = append(b.text, "]}"...)
	return b, nil
}

// addRow puts one row into a batch.
func (t *RemoteTransport) addRow(b *batch, i int, e MutationEntry) (err error) {
	if i > 0 {
		b.text = append(b.text, ',')
	}
	if b.project {
		if e, err = t.projectEntry(e); err != nil {
			return err
		}
		if !slices.Contains(b.named, e.Project) {
			b.named = append(b.named, e.Project)
		}
	}
	if b.text, err = appendEntry(b.text, e); err != nil {
		return &engram.ContentError{Err: &refusedError{fmt.Sprintf("mutation %d of %d was not sent: %v", i+1, b.rows, err)}}
	}
	if int64(len(b.text)+len("]}")) > b.limit {
		return &engram.BatchTooLargeError{Limit: b.limit, Rows: b.rows, Err: &refusedError{fmt.Sprintf(
			"%d mutations are too large: the server takes at most %s in one push", b.rows, bytesAndMiB(b.limit))}}
	}
	return nil
}

// appendEntry puts an entry behind the text. An absent payload stays absent:
// null would be another one. A payload that is not one JSON value could add
// members of its own.
func appendEntry(text []byte, e MutationEntry) ([]byte, error) {
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

// newBody makes the body anew for each attempt.
func (b *batch) newBody() (io.ReadCloser, error) {
	b.last = &batchBody{rest: b.text}
	return b.last, nil
}

// batchBody knows how much of a batch was given out. net/http may read it while
// the answer is judged already: hence the lock.
type batchBody struct {
	mu      sync.Mutex
	rest    []byte
	stopped bool
}

// Read implements io.Reader.
func (b *batchBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stopped:
		return 0, errors.New("read after close")
	case len(b.rest) == 0:
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (b *batchBody) Close() error {
	b.stop()
	return nil
}

// stop gives out no more, and says whether the last byte was given out, so that
// the server may have the whole request.
func (b *batchBody) stop() (sent bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	return len(b.rest) == 0
}
