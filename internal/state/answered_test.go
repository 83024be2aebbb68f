package state_test

import (
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
)

func TestAnsweredIDsAreKeptForOneProjectOfOneRemote(t *testing.T) {
	root := state.In(t.TempDir())
	sent, stored := engram.IDOf([32]byte{1}), engram.IDOf([32]byte{2})
	if err := state.OpenAnsweredIDs(root, "https://a.example", "p").Add(map[engram.ChunkID]engram.ChunkID{sent: stored}); err != nil {
		t.Fatal(err)
	}
	if got, ok := state.OpenAnsweredIDs(root, "https://a.example", "p").Of(sent); !ok || got != stored {
		t.Errorf("got %s, %t", got, ok)
	}
	for remote, project := range map[string]string{"https://a.example": "q", "https://b.example": "p"} {
		if got, ok := state.OpenAnsweredIDs(root, remote, project).Of(sent); ok {
			t.Errorf("%s, %s: %s", remote, project, got)
		}
	}
}
