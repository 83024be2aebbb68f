package engram_test

import (
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
)

func ptr(s string) *string { return &s }

func observation() engram.Observation {
	return engram.Observation{
		ID: 7, SyncID: "obs-1", SessionID: "s-1", Type: "decision", Title: "t", Content: "c", Scope: "project",
		RevisionCount: 1, DuplicateCount: 1, CreatedAt: "2026-11-22 09:00:00", UpdatedAt: "2026-11-22 09:00:00",
	}
}

// What only one machine cares about makes no other version of an observation.
func TestVersionOfAnObservation(t *testing.T) {
	tests := []struct {
		story  string
		change func(*engram.Observation)
		same   bool
	}{
		{"another integer id", func(o *engram.Observation) { o.ID = 9 }, true},
		{"saved once more", func(o *engram.Observation) {
			o.DuplicateCount, o.LastSeenAt, o.UpdatedAt = 2, ptr("2026-11-22 09:10:00"), "2026-11-22 09:10:00"
		}, true},
		{"the project of its session, said aloud", func(o *engram.Observation) { o.Project = ptr("Repo") }, true},
		{"created_at lost in a pull", func(o *engram.Observation) { o.CreatedAt = "2026-11-23 00:00:00" }, true},
		{"a topic key that is empty", func(o *engram.Observation) { o.TopicKey = ptr("") }, true},
		{"another title", func(o *engram.Observation) { o.Title = "u" }, false},
		{"text that moves between fields", func(o *engram.Observation) { o.Title, o.Content = "tc", "" }, false},
		{"deleted", func(o *engram.Observation) { o.DeletedAt = ptr("2026-11-22 09:10:00") }, false},
		{"another project", func(o *engram.Observation) { o.Project = ptr("other") }, false},
		{"made personal", func(o *engram.Observation) { o.Scope = "personal" }, false},
		{"another topic", func(o *engram.Observation) { o.TopicKey = ptr("a/b") }, false},
		{"another session", func(o *engram.Observation) { o.SessionID = "s-2" }, false},
		{"another tool", func(o *engram.Observation) { o.ToolName = ptr("vi") }, false},
	}
	for _, tt := range tests {
		o := observation()
		tt.change(&o)
		if same := o.Version("repo").Content == observation().Version("repo").Content; same != tt.same {
			t.Errorf("%s: same content %t, want %t", tt.story, same, tt.same)
		}
	}
}

func TestSupersedes(t *testing.T) {
	version := func(updated, revision int64) engram.RowVersion {
		return engram.RowVersion{Updated: updated, Revision: revision}
	}
	tests := []struct {
		story     string
		v, before engram.RowVersion
		want      bool
	}{
		{"changed later and more often", version(9, 2), version(5, 1), true},
		{"deleted later", version(9, 1), version(5, 1), true},
		{"changed twice within a second", version(5, 2), version(5, 1), true},
		{"the same moment", version(5, 1), version(5, 1), false},
		{"only saved again later, and less often changed", version(9, 1), version(5, 2), false},
		{"earlier", version(1, 2), version(5, 1), false},
	}
	for _, tt := range tests {
		if got := tt.v.Supersedes(tt.before); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.story, got, tt.want)
		}
	}
}

func TestNormalizeProject(t *testing.T) {
	for name, want := range map[string]string{" My--App ": "my-app", "a___b": "a_b", "a-_-b": "a-_-b", "  ": "", "ÜBER": "über"} {
		if got := engram.NormalizeProject(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
