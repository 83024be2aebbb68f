package chunks

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// leaving is the look for secrets in what a transfer sends: before anything goes where that can keep it here, or where
// nothing goes at all, and else in the reads that send it.
type leaving struct {
	*transfer

	look   *surroundings.Secrets
	chunks atomic.Pointer[map[engram.ChunkID]bool] // those that leave; nil until that is known
}

// leaving begins the look: from now on it sees what is read of the directory.
func (t *transfer) leaving(conn *workspace.Connection) *leaving {
	l := &leaving{transfer: t, look: surroundings.NewSecrets(t.term, t.ws, t.dir, t.path)}
	if here, ok := t.dir.(workspace.Directory); ok && t.opts.Push {
		t.dir = here.Watched(func(id engram.ChunkID) func(*engram.Chunk) {
			// A project server wants chunks in a form of its own: they are read, and some may leave, before the plan stands.
			if chunks := l.chunks.Load(); chunks == nil && !conn.PerProject() || chunks != nil && !(*chunks)[id] {
				return nil
			}
			return l.look.Watch(id)
		})
	}
	return l
}

// before hears what is about to be pushed, and gives what has to stay here, and why.
func (l *leaving) before(ctx context.Context, diff *syncer.Diff, opts syncer.Options) (map[engram.ChunkID]error, error) {
	chunks := map[engram.ChunkID]bool{}
	var ids []engram.ChunkID
	for _, item := range diff.ToPush {
		if (len(opts.Only) == 0 || slices.Contains(opts.Only, item.ID())) && !chunks[item.Local] {
			chunks[item.Local] = true
			ids = append(ids, item.Local)
		}
	}
	l.chunks.Store(&chunks)
	if !l.dryRun && !l.ws.Config.FailOnSecrets || len(ids) == 0 {
		return nil, nil
	}
	if err := l.lookInto(ctx, ids); err != nil {
		return nil, err
	}
	return l.look.Held(ids, l.secrets), context.Cause(ctx)
}

// after looks into what has gone, as far as nobody has, also after an interruption.
func (l *leaving) after(ctx context.Context) {
	if l.ws.Config.FailOnSecrets {
		return
	}
	var gone []engram.ChunkID
	for _, m := range l.Moved {
		if m.Direction == work.Pushed {
			gone = append(gone, m.Local)
		}
	}
	if err := l.lookInto(ctx, gone); err != nil {
		l.ws.Log.Info("look for secrets in what was pushed", "error", err)
	}
}

// lookInto looks into chunks, as far as nobody has, and tells of what it finds.
func (l *leaving) lookInto(ctx context.Context, ids []engram.ChunkID) error {
	if len(ids) == 0 {
		return nil
	}
	there, _, err := l.dir.Chunks(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	slices.SortFunc(ids, engram.ChunkID.Compare)
	l.secrets = l.look.In(ctx, slices.Compact(ids), there)
	surroundings.WarnOfSecrets(l.term, l.ws, l.secrets)
	return nil
}
