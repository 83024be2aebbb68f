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

// ManifestVersion is the least version of a manifest beside data that shows these
// generations: from 2.x on, engram refuses to import a directory of less where
// ownership is in play, while 1.x never looks at it. So it only ever rises.
// Source: engram-2.md 2.1, 2.3 and 10.
func ManifestVersion(shown ...Generation) int {
	for _, g := range shown {
		if g != Gen1 { // a later one than is known needs no less
			return 2
		}
	}
	return 1
}

// KnownManifestVersion is the highest version whose meaning is known. engram takes
// every later one for it, and so do we. Source: engram-2.md 2.1.
const KnownManifestVersion = 2

// Generation is what a manifest's version tells, at the least; 0 where it is of a
// later engram than is known here.
func (m *Manifest) Generation() Generation {
	switch v := m.Version(); {
	case v > KnownManifestVersion:
		return 0
	case v == KnownManifestVersion:
		return Gen2
	}
	return Gen1
}

// Later is the later of two generations; 0, which nobody knows, is later than all.
func (g Generation) Later(other Generation) Generation {
	if g == 0 || other == 0 {
		return 0
	}
	return max(g, other)
}
