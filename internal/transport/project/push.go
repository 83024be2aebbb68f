package project

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// Push sends a chunk once, whole from memory: what is sent is the canonical text
// with fewer escapes, which the server undoes.
func (d *Dialect) Push(ctx context.Context, call *httplayer.Call, entry engram.ChunkEntry, open protocol.OpenFunc) (httplayer.Outcome, error) {
	name, err := d.project()
	if err != nil {
		return httplayer.Final, fmt.Errorf("%s: %w", call.Op, err)
	}
	compressed := d.Gzip() == GzipShown
	sent, err := d.send(ctx, call, name, entry, open, compressed)
	if compressed && mayRefuseGzip(err) {
		sent, err = d.send(ctx, call, name, entry, open, false)
		if _, renamed := errors.AsType[*protocol.OtherIDError](err); err == nil || renamed {
			d.LearnGzip(GzipRefused) // it is the same chunk, so it was the form
		}
	}
	return httplayer.Judge(ctx, err, sent), err
}

func (d *Dialect) send(
	ctx context.Context, call *httplayer.Call, name string, entry engram.ChunkEntry, open protocol.OpenFunc, compressed bool,
) (sent bool, err error) {
	var free func() // the memory of the body. One that is made anew keeps it: an attempt under way must not wait for more
	defer func() {
		if free != nil {
			free()
		}
	}()
	p := protocol.Push{ID: entry.ID, Yes: "ok", OtherYes: "accepted", Stranger: d.Stranger, Names: true}
	if compressed {
		p.ContentType = gzipEnvelope + "; version=1"
	}
	p.NewBody = func() (httplayer.Body, error) {
		text, release, err := d.envelope(ctx, name, entry, open, free)
		free = release
		switch {
		case err != nil:
			return httplayer.Body{}, err
		case !compressed:
			return d.body(text), nil
		}
		defer d.reuse(text)
		small, err := compress(text)
		return httplayer.TextBody(small), err
	}
	sent, err = p.Send(ctx, d.Client, call)
	return sent, d.refusal(entry.ID, err)
}

// learnLimit remembers the limit that the server named, if it did.
func (d *Dialect) learnLimit(limit int64) {
	if limit > 0 {
		d.limit.Store(limit)
	}
}

// refusal explains why a chunk is refused, and learns the server's limit, which
// can't be known before. Source: project-server.md 1.
func (d *Dialect) refusal(id engram.ChunkID, err error) error {
	status, ok := errors.AsType[*httplayer.StatusError](err)
	if !ok || status.Status != http.StatusRequestEntityTooLarge || status.Stranger() {
		return d.explain(err)
	}
	limit := protocol.NamedLimit([]byte(status.Message))
	d.learnLimit(limit)
	return &protocol.TooLargeError{ID: id, Limit: limit, Err: status}
}

// envelope reads a chunk to its end, once there is memory for it, and puts the
// envelope around it. release gives the memory back, whatever the error; held does, of an
// earlier attempt that has reserved it, and is nil for the first. Source:
// project-server.md 3.1, 12.
func (d *Dialect) envelope(
	ctx context.Context, project string, entry engram.ChunkEntry, open protocol.OpenFunc, held func(),
) (text []byte, release func(), err error) {
	release = held
	chunk, err := open()
	if err != nil {
		return nil, release, err
	}
	defer func() { _ = chunk.Close() }() // only read
	if chunk.SizeHint > maxProjectChunk {
		return nil, release, errChunkTooLarge
	}
	if release == nil {
		if release, err = reserve(ctx, d.pushing, maxPushed, chunk.SizeHint); err != nil {
			return nil, nil, err
		}
	}
	if text, err = d.encodeEnvelope(entry, project, chunk); err != nil {
		return nil, release, err
	}
	if limit := d.limit.Load(); limit > 0 && int64(len(text)) > limit { // which counts what was compressed, too
		return nil, release, &protocol.TooLargeError{ID: entry.ID, Limit: limit}
	}
	return text, release, nil
}

// encodeEnvelope reads a chunk to its end, into the envelope.
func (d *Dialect) encodeEnvelope(entry engram.ChunkEntry, project string, chunk *engram.Chunk) ([]byte, error) {
	head := struct {
		ChunkID         engram.ChunkID `json:"chunk_id"`
		ClientCreatedAt string         `json:"client_created_at,omitempty"`
		CreatedBy       string         `json:"created_by"`
		Project         string         `json:"project"`
	}{entry.ID, "", entry.CreatedBy, project}
	if at := entry.Time().UTC(); !at.IsZero() && at.Year() >= 1 && at.Year() <= 9999 {
		head.ClientCreatedAt = at.Format(time.RFC3339)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode a push: %w", err)
	}
	out := bytes.NewBuffer(d.buffer(len(text) + len(`,"data":}`) + int(chunk.SizeHint) + bytes.MinRead))
	out.Write(text[:len(text)-1])
	out.WriteString(`,"data":`)
	from := out.Len()
	switch _, err := out.ReadFrom(chunk); {
	case err != nil:
		return nil, err
	case chunk.ID() != entry.ID:
		return nil, &engram.MismatchError{ID: entry.ID, Actual: chunk.ID()}
	}
	all := out.Bytes()
	return append(appendRaw(all[:from], all[from:]), '}'), nil // which writes no farther than it has read
}

// appendRaw appends JSON text with the escapes undone that canonical text has
// and that cost six bytes each: the server's limit counts them, its id does not.
// Source: project-server.md 1 (size limit), 9 (3).
func appendRaw(dst, text []byte) []byte {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 || at+1 >= len(text) {
			return append(dst, text...)
		}
		dst, text = append(dst, text[:at]...), text[at:]
		if raw, ok := costlyEscapes[string(text[:min(6, len(text))])]; ok {
			dst, text = append(dst, raw...), text[6:]
			continue
		}
		dst, text = append(dst, text[:2]...), text[2:] // an escaped backslash is not the start of an escape
	}
}

var costlyEscapes = map[string]string{
	`\u003c`: "<", `\u003e`: ">", `\u0026`: "&", `\u2028`: "\u2028", `\u2029`: "\u2029",
}

// maxBatchRows is the most rows that a project server takes in one push of
// mutations. Source: project-server.md 4.1.
const maxBatchRows = 100

// PushMutations sends a batch once.
func (d *Dialect) PushMutations(
	ctx context.Context, call *httplayer.Call, entries []engram.MutationEntry, key string,
) (engram.PushMutationsResult, httplayer.Outcome, error) {
	var named []string // the projects in the batch, each once
	form := protocol.Form{
		Member: "entries", MaxRows: maxBatchRows, MaxBytes: cmp.Or(d.limit.Load(), protocol.MaxBatchBytes), Read: d.readAccepted,
		Row: func(e engram.MutationEntry) (engram.MutationEntry, error) {
			e, err := d.row(e)
			if err == nil && !slices.Contains(named, e.Project) {
				named = append(named, e.Project)
			}
			return e, err
		},
	}
	result, outcome, err := protocol.PushMutations(ctx, d.Client, call, form, entries, key)
	if status, ok := errors.AsType[*httplayer.StatusError](err); ok {
		switch {
		case status.Status == http.StatusRequestEntityTooLarge && !status.Stranger():
			d.learnLimit(protocol.NamedLimit(status.Body()))
		case status.Code == CodeForbidden:
			nameProjects(status, "in the batch: %.100q", named)
		}
	}
	return result, outcome, err
}

// row is a mutation as a project server wants it: with a project, in the form in
// which the server compares it (it would store another spelling where no reader
// finds it: project-server.md 10, T1), and with an object for a payload.
func (d *Dialect) row(e engram.MutationEntry) (engram.MutationEntry, error) {
	e.Project = engram.NormalizeProject(e.Project)
	if e.Project == "" {
		var err error
		if e.Project, err = d.project(); err != nil {
			return e, err
		}
	}
	if text := bytes.TrimSpace(e.Payload); len(text) > 0 && text[0] == '"' {
		var inner string
		if json.Unmarshal(text, &inner) == nil && json.Valid([]byte(inner)) {
			e.Payload = json.RawMessage(inner)
		}
	}
	return e, nil
}

// readAccepted makes of the answer what an account server says. Its own members are
// those of the other kind, which says yes and stores nothing.
func (d *Dialect) readAccepted(answer []byte) (protocol.Accepted, error) {
	var got struct {
		protocol.Accepted
		Seqs []int64 `json:"accepted_seqs"`
	}
	err := json.Unmarshal(answer, &got)
	if got.Rows != nil {
		d.Stranger()
	}
	var accepted protocol.Accepted
	if n := len(got.Seqs); n > 0 {
		last := slices.Max(got.Seqs)
		accepted = protocol.Accepted{Rows: &n, LastSeq: &last}
	}
	return accepted, err
}
