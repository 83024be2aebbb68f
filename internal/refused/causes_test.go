package refused_test

import (
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/refused"
)

// Words about what depends on others must have others to speak of.
func TestCausesOfDependents(t *testing.T) {
	prompt := engram.RowNote{List: "prompts", Reason: engram.DependsOnLeftOut}
	session := engram.RowNote{List: "sessions", Field: "directory", Reason: engram.Required}
	for want, rows := range map[string][]engram.RowNote{
		"1 prompt needs a session that is left out or missing": {prompt},
		"2 prompts need a session that is left out or missing": {prompt, prompt},
		"1 session has no directory; 1 prompt depends on it":   {session, prompt},
	} {
		if got := refused.Causes(rows); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
