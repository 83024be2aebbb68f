package engram

import (
	"encoding/json"
	"io"
	"slices"
)

// MutationRow is a mutation in a chunk, which has no identity but what it says.
const MutationRow RowKind = 'm'

// Signature is what a row is recognised by on a project server, in whichever form it
// was sent: its version without the project, which all rows there have in common. A
// mutation is recognised in canonical form only. false: nobody could find it again.
func Signature(list string, row []byte) (v RowVersion, ok bool) {
	switch list {
	case "sessions":
		var s Session
		ok = json.Unmarshal(row, &s) == nil && s.ID != ""
		s.Project = ""
		return s.Version(), ok
	case "observations":
		var o Observation
		ok = json.Unmarshal(row, &o) == nil && o.SyncID != ""
		o.Project = nil
		return o.Version(""), ok
	case "prompts":
		var p Prompt
		ok = json.Unmarshal(row, &p) == nil && p.SyncID != ""
		p.Project = ""
		return p.Version(""), ok
	case "mutations":
		var m struct {
			Entity  string `json:"entity"`
			Op      string `json:"op"`
			Key     string `json:"entity_key"`
			Payload string `json:"payload"`
		}
		ok = json.Unmarshal(row, &m) == nil
		said := hashOf(m.Entity, m.Op, m.Key, m.Payload)
		return RowVersion{Kind: MutationRow, Row: said, Content: said}, ok
	}
	return v, false
}

// ReadSignatures reads the signatures of all rows of a chunk, as a stream that
// keeps nothing but them.
func ReadSignatures(r io.Reader) (versions []RowVersion, err error) {
	readers := map[string]memberReader{}
	for _, list := range []string{"sessions", "observations", "prompts", "mutations"} {
		readers[list] = rows(func(row json.RawMessage) {
			if v, ok := Signature(list, row); ok {
				versions = append(versions, v)
			}
		})
	}
	return versions, readMembers(r, readers)
}

// RowSet is the rows that somebody has, by their signatures.
type RowSet struct{ versions map[rowKey][]RowVersion }

type rowKey struct {
	kind RowKind
	row  RowHash
}

// Add adds rows.
func (s *RowSet) Add(versions []RowVersion) {
	if s.versions == nil {
		s.versions = map[rowKey][]RowVersion{}
	}
	for _, v := range versions {
		key := rowKey{v.Kind, v.Row}
		if !slices.Contains(s.versions[key], v) {
			s.versions[key] = append(s.versions[key], v)
		}
	}
}

// Has says whether v, or a newer version of the same row, is there. Of a row that
// was mended any version that is not older will do: whoever made it knew as much.
func (s *RowSet) Has(v RowVersion, mended bool) bool {
	return slices.ContainsFunc(s.versions[rowKey{v.Kind, v.Row}], func(k RowVersion) bool {
		return k.Content == v.Content || k.Supersedes(v) || mended && !v.Supersedes(k)
	})
}

// HasSession says whether any version of a session is there.
func (s *RowSet) HasSession(id string) bool {
	return len(s.versions[rowKey{SessionRow, hashOf(id)}]) > 0
}
