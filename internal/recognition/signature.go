package recognition

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// SignatureVersion changes with what a signature is: those of another version say nothing.
const SignatureVersion = "2"

// MutationRow is a mutation in a chunk, which has no identity but what it says.
const MutationRow engram.RowKind = 'm'

// Signature is what a row is recognised by on a project server, in whichever form it
// was sent: its version without the project, which all rows there have in common. A
// mutation is recognised in canonical form only. false: nobody could find it again.
func Signature(list string, row []byte) (v engram.RowVersion, ok bool) {
	switch list {
	case "sessions":
		var s engram.Session
		ok = json.Unmarshal(row, &s) == nil && s.ID != ""
		s.Project = ""
		return s.Version(), ok
	case "observations":
		var o engram.Observation
		ok = json.Unmarshal(row, &o) == nil && o.SyncID != ""
		o.Project = nil
		return o.Version(""), ok
	case "prompts":
		var p engram.Prompt
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
		text, _ := json.Marshal([]string{m.Entity, m.Op, m.Key, m.Payload}) // texts
		sum := sha256.Sum256(text)
		said := engram.RowHash(sum[:len(engram.RowHash{})])
		return engram.RowVersion{Kind: MutationRow, Row: said, Content: said}, ok
	}
	return v, false
}

// ReadSignatures reads the signatures of all rows of a chunk, as a stream that
// keeps nothing but them.
func ReadSignatures(r io.Reader) (versions []engram.RowVersion, err error) {
	err = engram.ReadLists(r, func(list string, _ int, row json.RawMessage) {
		if v, ok := Signature(list, row); ok {
			versions = append(versions, v)
		}
	}, "sessions", "observations", "prompts", "mutations")
	return versions, err
}

// RowSet is the rows that somebody has, by their signatures.
type RowSet struct {
	versions map[rowKey][]engram.RowVersion
}

type rowKey struct {
	kind engram.RowKind
	row  engram.RowHash
}

// Add adds rows.
func (s *RowSet) Add(versions []engram.RowVersion) {
	if s.versions == nil {
		s.versions = map[rowKey][]engram.RowVersion{}
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
func (s *RowSet) Has(v engram.RowVersion, mended bool) bool {
	return slices.ContainsFunc(s.versions[rowKey{v.Kind, v.Row}], func(k engram.RowVersion) bool {
		return k.Content == v.Content || k.Supersedes(v) || mended && !v.Supersedes(k)
	})
}

// HasSession says whether any version of a session is there.
func (s *RowSet) HasSession(id string) bool {
	return len(s.versions[rowKey{engram.SessionRow, engram.Session{ID: id}.Version().Row}]) > 0
}
