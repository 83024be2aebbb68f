package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// text reads a chunk's body and wants its hash to be right.
func text(t *testing.T, st store.Store, u store.User, id string) string {
	t.Helper()
	body := must(st.OpenChunk(t.Context(), u.ID, id))(t)
	got := must(io.ReadAll(body))(t)
	sum := sha256.Sum256(got)
	if body.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("chunk %s says that its hash is %s", id, body.SHA256)
	}
	return string(got)
}

// list gives the manifest of a user, and its tag.
func list(t *testing.T, st store.Store, u store.User) (tag string, entries []store.ChunkEntry, err error) {
	t.Helper()
	tag, err = st.Manifest(t.Context(), u.ID, func(e store.ChunkEntry) error {
		entries = append(entries, e)
		return nil
	})
	return tag, entries, err
}

func ids(entries []store.ChunkEntry) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.ID
	}
	return list
}
