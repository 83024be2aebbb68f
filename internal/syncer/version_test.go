package syncer_test

import (
	"testing"

	"github.com/engram-sync/engram-sync/internal/syncer"
)

const owned = `{"sessions":[{"id":"m","ownership_mode":"project_owned"}]}`

// What comes into a directory decides about its manifest's version: the server's own, the
// chunks, and what the caller knows of engram.db. What only lies there does not.
func TestAPullRaisesTheVersionThatItHasTo(t *testing.T) {
	for name, tc := range map[string]struct {
		there      int    // the server's version
		comes      string // the chunk that comes; "" is none
		orphan     string // a file here that no manifest names
		minVersion int
		want       int
	}{
		"1.x alone":                 {1, numbered(1), "", 1, 1},
		"a server of 2.x":           {2, numbered(1), "", 1, 2},
		"which has nothing for us":  {2, "", "", 1, 1},
		"a chunk of 2.x":            {1, owned, "", 1, 2},
		"a memory about it":         {1, `{"observations":[{"content":"ownership_mode"}]}`, "", 1, 1},
		"engram.db of 2.x":          {1, numbered(1), "", 2, 2},
		"nothing to write":          {1, "", "", 2, 1},
		"an orphan of 2.x":          {1, "", owned, 1, 2},
		"an orphan, a later server": {3, "", numbered(2), 1, 3},
	} {
		here, there := newSide(), newSide()
		here.version, there.version = 1, tc.there
		here.content[there.add(numbered(0))] = numbered(0)
		here.entries = append(here.entries, there.entries...)
		if tc.comes != "" {
			there.add(tc.comes)
		}
		if tc.orphan != "" {
			here.content[idOf(tc.orphan)] = tc.orphan
		}
		opts := pulling
		opts.MinVersion = tc.minVersion
		diff, _, err := look(t, here, there, nil).Adopt(t.Context(), opts, false)
		if err != nil {
			t.Fatal(err)
		}
		if result := syncer.Run(t.Context(), diff, opts); len(result.Failed) > 0 {
			t.Fatalf("%s: %+v", name, result)
		}
		if here.version != tc.want {
			t.Errorf("%s: version %d, want %d", name, here.version, tc.want)
		}
	}
}
