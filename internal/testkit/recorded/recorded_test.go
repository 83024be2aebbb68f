package recorded_test

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/recorded"
)

// TestRecordings reads all of them, makes the bodies that are kept as recipes,
// and looks that no recording tells of the machine that it was made on.
func TestRecordings(t *testing.T) {
	t.Parallel()
	machine := regexp.MustCompile(`/(tmp|root|work|usr|opt|var)/|localhost|\.internal\b|proxy|registry`)
	for name, exchanges := range map[string]int{recorded.Account194: 495, recorded.Project1161: 361, recorded.Project120: 402} {
		seen := map[string]bool{}
		for _, e := range recorded.Load(t, name) {
			if seen[e.Name] || e.Name == "" {
				t.Errorf("%s: %q stands twice", name, e.Name)
			}
			seen[e.Name] = true
			if testing.Short() && e.Request.Body.Size > 4<<20 {
				continue
			}
			body := e.Request.Body.String()
			sum := sha256.Sum256([]byte(body))
			if want := e.Request.Body.SHA256; want != "" && (len(body) != e.Request.Body.Size || hex.EncodeToString(sum[:]) != want) {
				t.Errorf("%s: the recipe of %s makes another body", name, e.Name)
			}
			if len(body) < 1<<20 && machine.MatchString(body+string(e.Response.Body)) {
				t.Errorf("%s: %s names a machine", name, e.Name)
			}
		}
		if len(seen) != exchanges {
			t.Errorf("%s: %d exchanges, not %d", name, len(seen), exchanges)
		}
	}
}
