package engram

import "fmt"

// ReducedError means that a chunk is what an old client made of it while
// pushing: whole, but re-encoded with fewer fields, so that its bytes cannot
// hash to its id. Asking again won't bring the lost fields back.
// Source: account-server.md 3.6.
type ReducedError struct {
	ID     ChunkID // that the server gives it
	Actual ChunkID // that its bytes hash to
}

func (e *ReducedError) Error() string {
	return fmt.Sprintf("chunk %s was re-encoded by an old client and cannot be verified: its bytes hash to %s", e.ID, e.Actual)
}
