package material

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Branches are the three manifests of a merge: an ancestor, and two that each add chunks at the end.
type Branches struct {
	Ancestor, Ours, Theirs string
	Entries                int // of the union
}

// WriteBranches makes an ancestor of n entries in a directory, to which each side adds a hundredth.
func WriteBranches(dir string, n int) (*Branches, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make manifests: %w", err)
	}
	own := max(n/100, 1)
	b := &Branches{
		Ancestor: filepath.Join(dir, "ancestor.json"), Ours: filepath.Join(dir, "ours.json"), Theirs: filepath.Join(dir, "theirs.json"),
		Entries: n + 2*own,
	}
	all := make([]entry, b.Entries)
	for i := range all {
		all[i] = entryOf(counted(i), i, 3)
	}
	ours, theirs := all[:n+own:n+own], append(all[:n:n], all[n+own:]...)
	for path, entries := range map[string][]entry{b.Ancestor: all[:n], b.Ours: ours, b.Theirs: theirs} {
		if err := writeManifest(path, entries); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// counted is the i-th of ids that look like hashes, and of which no two are equal.
func counted(i int) string {
	const odd = 0x9e3779b1 // so that its multiples run through all 32 bits
	return fmt.Sprintf("%08x", uint32(i)*odd)
}

// CheckMerged fails unless a file is the union of both sides.
func (b *Branches) CheckMerged(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("check the merged manifest: %w", err)
	}
	var m struct{ Chunks []entry }
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("check the merged manifest: %w", err)
	}
	ids := map[string]bool{}
	for _, e := range m.Chunks {
		ids[e.ID] = true
	}
	if len(ids) != b.Entries || len(m.Chunks) != b.Entries {
		return fmt.Errorf("check the merged manifest: it has %d entries instead of %d", len(m.Chunks), b.Entries)
	}
	return nil
}

// ServerManifest is a manifest as an account server sends it, of so many entries: about 110 bytes each.
func ServerManifest(n int) ([]byte, error) {
	entries := make([]entry, n)
	for i := range entries {
		entries[i] = entryOf(counted(i), i, 3)
	}
	text, err := json.Marshal(map[string]any{"version": 1, "chunks": entries})
	if err != nil {
		return nil, fmt.Errorf("encode a manifest: %w", err)
	}
	return text, nil
}
