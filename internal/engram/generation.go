package engram

import "fmt"

// Generation is a line of engram's releases, by what its data looks like and what
// its readers accept, not by its version number: databases and servers of release
// candidates exist. Generations are ordered; 0 is one that nobody knows yet.
// Source: engram-2.md 1.
type Generation int

// The generations.
const (
	Gen1 Generation = 1 // 1.x: manifest 1, no ownership
	Gen2 Generation = 2 // 2.x: ownership of sessions, tombstones, manifest 2
	Gen3 Generation = 3 // 3.x: prompts that come from an inbox
)

// ParseGeneration reads what String writes.
func ParseGeneration(s string) (Generation, error) {
	for _, g := range []Generation{Gen1, Gen2, Gen3} {
		if s == g.String() {
			return g, nil
		}
	}
	return 0, fmt.Errorf("%q is none of 1.x, 2.x, 3.x", s)
}

// String is "1.x", "2.x", "3.x", and "unknown" for 0.
func (g Generation) String() string {
	if g < Gen1 {
		return "unknown"
	}
	return fmt.Sprintf("%d.x", int(g))
}
