package mend

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// SyncID derives the identity of a row that has none from what the row says and
// where it lies, so that the same row gets the same one wherever its chunk comes to.
func SyncID(at Place, row []byte) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%s\n%d\n%s", Rule, at.List, at.Chunk, at.Index, row)
	prefix := "obs-"
	if at.List == Prompts {
		prefix = "prompt-"
	}
	return prefix + hex.EncodeToString(sum.Sum(nil)[:8])
}
