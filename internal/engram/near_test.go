package engram_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
)

func TestNearProjects(t *testing.T) {
	among := []string{"alpha_bravo", "AlphaBravo", "alpha-bravo-2", "alpha.bravo", "Alpha-Bravo", "", "café", "shop"}
	for _, tt := range []struct {
		name string
		want []string
	}{
		{"alpha-bravo", []string{"alpha.bravo", "alpha_bravo", "alphabravo"}},
		{"cafe\u0301", []string{"café"}},
		{"shop-old", nil},
		{"---", nil},
	} {
		if diff := cmp.Diff(tt.want, engram.NearProjects(tt.name, among)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
