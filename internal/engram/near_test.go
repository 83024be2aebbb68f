package engram_test

import (
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Unicode spells a name in two ways, and engram's newest release takes them for one; "-" and
// "_" stay apart.
func TestProjectKey(t *testing.T) {
	for other, same := range map[string]bool{"cafe\u0301--BAR": true, " CAF\u00c9-bar ": true, "café_bar": false, "cafe-bar": false} {
		if got := engram.ProjectKey(other) == engram.ProjectKey("café-bar"); got != same {
			t.Errorf("%q and café-bar: one project is %t", other, got)
		}
	}
}
