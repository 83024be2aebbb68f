package account

import (
	"context"
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

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
