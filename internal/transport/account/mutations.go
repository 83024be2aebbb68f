package account

import (
	"context"
	"encoding/json"
	"fmt"

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
	batch, err := protocol.NewBatch(protocol.Form{Member: "mutations", MaxBytes: protocol.MaxBatchBytes, Read: readAccepted}, entries, key)
	if err != nil {
		return engram.PushMutationsResult{}, httplayer.Final, fmt.Errorf("%s: %w", call.Op, err)
	}
	result, outcome, err := batch.Send(ctx, d.Client, call)
	if refusedWith(err, codeEmptyBatch) {
		err = fmt.Errorf("%w (%w)", protocol.ErrOtherKind, err)
	}
	return result, outcome, err
}

func readAccepted(answer []byte) (accepted protocol.Accepted, err error) {
	err = json.Unmarshal(answer, &accepted)
	return accepted, err
}
