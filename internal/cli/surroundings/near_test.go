package surroundings_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
)

func TestNamesNear(t *testing.T) {
	among := []string{"alpha_bravo", "AlphaBravo", "alpha-bravo-2", "alpha.bravo", "Alpha-Bravo", "", "café", "shop"}
	for _, tt := range []struct {
		name string
		want []string
	}{
		{"alpha-bravo", []string{"alpha.bravo", "alpha_bravo", "alphabravo"}},
		{"cafe\u0301", nil}, // the same one
		{"shop-old", nil},
		{"---", nil},
	} {
		if diff := cmp.Diff(tt.want, surroundings.NamesNear(tt.name, among)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
