package sqlite

import (
	"path/filepath"
	"testing"
	"time"
)

// Other than the contract asks for: `serve user disable` is a process of its own.
func TestUserChangesTellsOfOtherStores(t *testing.T) {
	db := file{t, filepath.Join(t.TempDir(), "server.db")}
	a, b := db.Open(time.Now), db.Open(time.Now)
	if _, err := a.CreateUser(t.Context(), "alice", "a@example.com", ""); err != nil {
		t.Fatal(err)
	}
	for _, disabled := range []bool{true, false} {
		before := a.UserChanges()
		if err := b.SetDisabled(t.Context(), "alice", disabled); err != nil {
			t.Fatal(err)
		}
		if a.UserChanges() == before {
			t.Error("the other store saw no change")
		}
	}
}
