package merge_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/engram-sync/engram-sync/internal/merge"
)

// Two branches of a team that has 10,000 chunks, with 50 new ones each.
func BenchmarkManifests10000(b *testing.B) {
	entry := func(n int) string {
		return fmt.Sprintf(`{
      "id": "%08x",
      "created_by": "user%d",
      "created_at": "2026-%02d-%02dT%02d:%02d:00Z",
      "sessions": 1,
      "memories": 12,
      "prompts": 3
    }`, uint32(n)*2654435761, n%3, 1+n/1400, 1+n/50%28, n/2%24, n%60)
	}
	var all []string
	for n := range 10000 {
		all = append(all, entry(n))
	}
	base := []byte(manifestText(all...))
	var sides [2][]string
	for n := range 100 {
		sides[n%2] = append(sides[n%2], entry(10000+n))
	}
	ours, theirs := []byte(manifestText(slices.Concat(all, sides[0])...)), []byte(manifestText(slices.Concat(all, sides[1])...))
	b.ReportAllocs()
	for b.Loop() {
		if merged, err := merge.Manifests(base, ours, theirs); err != nil || len(merged.Conflicts) > 0 {
			b.Fatal(err, merged.Conflicts)
		}
	}
}
