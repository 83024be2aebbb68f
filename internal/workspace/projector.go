package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/words"
)

// Comparison is what a comparison of a directory with a remote needs to know; options are
// what the user chose for project servers.
func (w *Workspace) Comparison(c *Connection, dir syncer.Local, options projection.Options) syncer.CompareOptions {
	return syncer.CompareOptions{
		Aliases: c.Aliases, Replaced: w.Replaced(dir), Concurrency: w.Config.Concurrency,
		Projector: func(ctx context.Context) (recognition.Projector, error) {
			if !c.PerProject() {
				return nil, nil
			}
			options.Project = c.Project.Name
			var err error
			if options.Limit, err = c.FindLimit(ctx); err != nil {
				return nil, err
			}
			if options.Generation, err = c.Generation(ctx); err != nil {
				return nil, err
			}
			p := &projector{
				answered: state.OpenAnsweredIDs(w.State(), c.Label, c.Project.Name),
				accepted: state.OpenAcceptedRows(w.State(), c.Label, c.Project.Name).Has,
				here:     openRows(w, "here", c.Project.Name),
				there:    openRows(w, "there", c.Label+"\x00"+c.Project.Name),
				rowsAre:  fmt.Sprintf("%s %s %v", mend.Rule, recognition.SignatureVersion, options.Generation),
			}
			p.Directory = projection.NewDirectory(options, dir.OpenChunk, filepath.Join(state.Dir(), "projections"), w.Config.Concurrency)
			p.Noted = func(id engram.ChunkID, rows []recognition.Signature) {
				p.here().Add(id, p.rowsAre, rows)
				p.noted.Store(true)
			}
			if w.Looks() {
				p.OnlyLook()
			}
			return p, nil
		},
	}
}

// Replaced is what is not wanted any more in a directory; nil where there is none yet.
func (w *Workspace) Replaced(dir syncer.Local) syncer.Replaced {
	if d, ok := dir.(Directory); ok {
		return state.OpenReplaced(w.State(), d.Path())
	}
	return nil
}

// rowIndex remembers the rows of chunks as they are recognised.
type rowIndex = state.Index[recognition.Signature]

// openRows opens an index when it is asked for: most runs need none.
func openRows(w *Workspace, side, of string) func() *rowIndex {
	return sync.OnceValue(func() *rowIndex { return state.OpenIndex[recognition.Signature](w.State(), "rows "+side+"\x00"+of) })
}

// projector is a projection, with what is remembered of rows from run to run.
type projector struct {
	*projection.Directory

	accepted    func(row string) bool
	answered    *state.AnsweredIDs
	here, there func() *rowIndex // the rows of chunks as they are recognised
	rowsAre     string           // what those here depend on besides the chunk
	noted       atomic.Bool      // some were read by the way

	mu       sync.Mutex
	mentions map[engram.ChunkID][]words.Mention // of chunks that were read, once Early was called
}

func (p *projector) Project(ctx context.Context, all, ids []engram.ChunkID) (map[engram.ChunkID]recognition.Projection, error) {
	chunks, err := p.Chunks(ctx, all, ids)
	if p.noted.Swap(false) {
		for _, id := range all {
			p.here().Read(id, p.rowsAre) // they are all worth remembering
		}
		err = errors.Join(err, p.here().Save())
	}
	return p.known(chunks), err
}

// Early remembers too what the chunks mention that are read from now on: who pushes wants to
// know it of all.
func (p *projector) Early(ctx context.Context, ids []engram.ChunkID, give func(engram.ChunkID, recognition.Projection) bool) {
	p.mentions = map[engram.ChunkID][]words.Mention{}
	p.Read = func(id engram.ChunkID, text []byte) {
		mentions, err := words.Mentions(bytes.NewReader(text))
		if err != nil {
			mentions = nil // it says nothing that anybody could read
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.mentions[id] = mentions
	}
	p.Directory.Early(ctx, ids, func(id engram.ChunkID, c recognition.Projection) bool {
		return give(id, p.known(map[engram.ChunkID]recognition.Projection{id: c})[id])
	})
}

// Mentions is what a chunk mentions that was read since Early.
func (p *projector) Mentions(id engram.ChunkID) ([]words.Mention, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	mentions, ok := p.mentions[id]
	return mentions, ok
}

func (p *projector) Supplement(ctx context.Context, ids []engram.ChunkID, there *recognition.RowSet) (map[engram.ChunkID]recognition.Projection, error) {
	chunks, err := p.Directory.Supplement(ctx, ids, there)
	return p.known(chunks), err
}

// known takes the rows that the user has accepted from those that are left out, and
// adds the ids that the server has answered.
func (p *projector) known(chunks map[engram.ChunkID]recognition.Projection) map[engram.ChunkID]recognition.Projection {
	for id, c := range chunks {
		var leftOut []engram.RowNote
		for _, r := range c.LeftOut {
			if p.accepted(r.Row) {
				c.Accepted = append(c.Accepted, r)
			} else {
				leftOut = append(leftOut, r)
			}
		}
		c.LeftOut = leftOut
		c.Parts = slices.Clone(c.Parts) // they are in a cache
		for i := range c.Parts {
			if stored, ok := p.answered.Of(c.Parts[i].ID); ok {
				c.Parts[i].Also = append(slices.Clip(c.Parts[i].Also), stored)
			}
		}
		chunks[id] = c
	}
	return chunks
}

// Answered remembers ids that a server has answered.
func (p *projector) Answered(stored map[engram.ChunkID]engram.ChunkID) error {
	return p.answered.Add(stored)
}

// Rows are kept from run to run, but for the sessions that are added: those depend
// on all chunks together.
func (p *projector) Rows(ctx context.Context, ids []engram.ChunkID) (map[engram.ChunkID][]recognition.Signature, error) {
	out := make(map[engram.ChunkID][]recognition.Signature, len(ids))
	var unread []engram.ChunkID
	for _, id := range ids {
		rows, ok := p.here().Read(id, p.rowsAre)
		if out[id] = rows; !ok {
			unread = append(unread, id)
		}
	}
	read, err := p.Directory.Rows(ctx, unread)
	for id, rows := range read {
		out[id] = rows
		p.here().Add(id, p.rowsAre, rows)
	}
	for id, rows := range out {
		out[id] = slices.Concat(rows, p.Stubs(id))
	}
	return out, errors.Join(err, p.here().Save())
}

func (p *projector) Known(remote engram.ChunkID) ([]recognition.Signature, bool) {
	return p.there().Read(remote, recognition.SignatureVersion)
}

func (p *projector) Learn(chunks map[engram.ChunkID][]recognition.Signature) error {
	for remote, rows := range chunks {
		p.there().Add(remote, recognition.SignatureVersion, rows)
	}
	return p.there().Save()
}
