package chunks

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// leaving are the chunks that would be pushed.
func leaving(diff *syncer.Diff, opts syncer.Options) (ids []engram.ChunkID) {
	for _, item := range diff.ToPush {
		if len(opts.Only) == 0 || slices.Contains(opts.Only, item.ID()) {
			ids = append(ids, item.Local)
		}
	}
	slices.SortFunc(ids, engram.ChunkID.Compare)
	return slices.Compact(ids)
}

// lookForSecrets looks through chunks, as far as nobody has, and tells of what it finds: also when the run was interrupted,
// of what has left by then.
func (t *transfer) lookForSecrets(ctx context.Context, look *surroundings.Secrets, ids []engram.ChunkID) error {
	there, _, err := t.dir.Chunks(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	t.secrets = look.In(ctx, ids, there)
	surroundings.WarnOfSecrets(t.term, t.ws, t.secrets)
	return context.Cause(ctx)
}

// addFailOnSecrets declares the flag, which is a setting too.
func addFailOnSecrets(cmd *cobra.Command) {
	cmd.Flags().Bool("fail-on-secrets", false, "keep chunks here, and fail, over what looks like a secret; without it, warn")
}
