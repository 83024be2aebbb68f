package account

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// maxPushBytes is the most that an account server takes in one push, the
// envelope included. Source: account-server.md 1.3.
const maxPushBytes = 52_428_800

// Push sends a chunk once, as it is read. The last byte is held back until the whole
// of it was found good, so that damage on this side aborts the request.
func (d *Dialect) Push(ctx context.Context, call *httplayer.Call, entry engram.ChunkEntry, open protocol.OpenFunc) (httplayer.Outcome, error) {
	sent, err := protocol.Push{
		ID: entry.ID, Yes: "accepted", OtherYes: "ok", Stranger: d.Stranger,
		NewBody: func() (httplayer.Body, error) { return newBody(entry, open) },
	}.Send(ctx, d.Client, call)
	return httplayer.Judge(ctx, err, sent), err
}

// newBody opens the content and puts the envelope around it. The entry member
// stands before data: whoever reads the envelope as a stream knows the entry first.
func newBody(e engram.ChunkEntry, open protocol.OpenFunc) (httplayer.Body, error) {
	entry, err := json.Marshal(e)
	if err != nil {
		return httplayer.Body{}, fmt.Errorf("encode the manifest entry: %w", err)
	}
	createdBy, err := json.Marshal(e.CreatedBy)
	if err != nil {
		return httplayer.Body{}, fmt.Errorf("encode created_by: %w", err)
	}
	head := fmt.Appendf(nil, `{"chunk_id":"%s","created_by":%s,"engram_sync_entry":%s,"data":`, e.ID, createdBy, entry)
	chunk, err := open()
	if err != nil {
		return httplayer.Body{}, err
	}
	c := &content{Chunk: chunk, id: e.ID, around: int64(len(head) + len("}"))}
	length := int64(-1)
	if chunk.SizeHint > 0 {
		length = c.around + chunk.SizeHint
	}
	if length > maxPushBytes {
		return httplayer.Body{}, c.refuseLarge()
	}
	text := io.MultiReader(bytes.NewReader(head), c, strings.NewReader("}"))
	return httplayer.Body{ReadCloser: struct {
		io.Reader
		io.Closer
	}{text, chunk}, Length: length}, nil
}

// content is that of a chunk as it is sent. It gives io.EOF, behind which the
// envelope's closing brace is given out, only after it was verified to its end.
type content struct {
	*engram.Chunk
	id     engram.ChunkID
	around int64 // bytes of the envelope around it
}

// refuseLarge says why a chunk that claims to be too large is not sent: it is,
// or its file is damaged and the claim is nonsense.
func (c *content) refuseLarge() error {
	_, err := io.CopyN(io.Discard, c.Chunk, maxPushBytes-c.around+1)
	_ = c.Close() // only read
	switch {
	case err == nil:
		return &protocol.TooLargeError{ID: c.id, Limit: maxPushBytes}
	case errors.Is(err, io.EOF):
		return &engram.DamageError{ID: c.id, Reason: fmt.Sprintf("it claims to hold %d bytes, and holds %d", c.SizeHint, c.Size())}
	}
	return err
}

// Read holds the content against what was said of it: a false length would end
// up as the request's, and the right content of another id says nothing of this one.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.Chunk.Read(p)
	size, hint, ended := c.Size(), c.SizeHint, c.Verified()
	switch {
	case hint > 0 && (size > hint || ended && size < hint):
		return 0, &engram.DamageError{ID: c.id, Reason: fmt.Sprintf("its source claims %d bytes, which is wrong", hint)}
	case ended && c.ID() != c.id:
		return 0, &engram.MismatchError{ID: c.id, Actual: c.ID()}
	case c.around+size > maxPushBytes:
		return 0, &protocol.TooLargeError{ID: c.id, Limit: maxPushBytes}
	}
	return n, err
}

// codeEmptyBatch is how a project server refuses a batch in which it finds no rows.
const codeEmptyBatch = "empty_batch"

// PushMutations sends a batch once. A project server, which found no rows in it and
// applied nothing, is an ErrOtherKind. Source: account-server.md 4.1, project-server.md 5.
func (d *Dialect) PushMutations(
	ctx context.Context, call *httplayer.Call, entries []engram.MutationEntry, key string,
) (engram.PushMutationsResult, httplayer.Outcome, error) {
	form := protocol.Form{Member: "mutations", MaxBytes: protocol.MaxBatchBytes, Read: readAccepted}
	result, outcome, err := protocol.PushMutations(ctx, d.Client, call, form, entries, key)
	return result, outcome, otherKind(err, codeEmptyBatch)
}

func readAccepted(answer []byte) (accepted protocol.Accepted, err error) {
	err = json.Unmarshal(answer, &accepted)
	return accepted, err
}
