package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/crash"
)

// What a manifest names outlives a power failure: the content of each chunk is synced before it
// gets its name, and the names, once for all of them, before the manifest gets its own.
func TestChunksAreDurableBeforeTheManifest(t *testing.T) {
	needTracer(t)
	t.Parallel()
	s := newWatchedServer(t)
	c := &crashCell{user: newUser(t, s.url, s.token), s: s}
	c.onServer(3)
	points, _ := c.hurt(c.command("pull", "--dir", ".engram", "-j", "1"), crash.Fault{})
	var synced, named, durable, listed int // names in chunks/, but for synced
	for _, p := range points {
		in, temporary := filepath.Base(filepath.Dir(p.Path)), strings.HasPrefix(filepath.Base(p.Path), ".engram-sync-")
		switch {
		case p.Call == "fsync" && in == "chunks" && temporary:
			synced++
		case p.Call == "fsync" && strings.HasSuffix(p.Path, ".engram/chunks"):
			durable = named
		case p.Call == "rename" && in == "chunks":
			if named++; named > synced {
				t.Error("a chunk got its name before its content was synced")
			}
		case p.Call == "rename" && in == ".engram":
			if listed = named; durable < listed {
				t.Errorf("%d chunks are in the manifest, and the names of %d are synced", listed, durable)
			}
		}
	}
	if listed != 3 {
		t.Errorf("%d chunks came before the manifest: %v", listed, points)
	}
}
