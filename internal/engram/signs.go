package engram

import (
	"bytes"
	"encoding/json"
)

// signs are the members that tell the generation of the engram which wrote them, in
// rows, in mutations and in their payloads. Source: engram-2.md 2.2.
type signs struct {
	OwnershipMode json.RawMessage `json:"ownership_mode"`
	Disposition   json.RawMessage `json:"disposition"` // 2.x always writes it, also ""
	SourceInboxID json.RawMessage `json:"source_inbox_id"`
}

func (s signs) generation() Generation {
	switch {
	case says(s.SourceInboxID):
		return Gen3
	case says(s.OwnershipMode) || len(s.Disposition) > 0:
		return Gen2
	}
	return Gen1
}

// says tells a value from none.
func says(value json.RawMessage) bool {
	return len(value) > 0 && string(value) != "null" && string(value) != `""`
}

// signNames are the members of signs.
var signNames = [][]byte{[]byte("ownership_mode"), []byte("disposition"), []byte("source_inbox_id")}

const longestSign = len("source_inbox_id")

// MayTell says whether the bytes so far have a word that is the name of a member
// which tells a generation: only then is ReadContents worth the while of who wants
// to know that alone. It is known only with Signs.
func (c *Chunk) MayTell() bool { return c.told }

// lookForSigns looks into a piece, and where it meets the one before.
func (c *Chunk) lookForSigns(p []byte) {
	edge := append(c.last, p[:min(len(p), longestSign)]...)
	for _, name := range signNames {
		c.told = c.told || bytes.Contains(p, name) || bytes.Contains(edge, name)
	}
	if len(p) >= longestSign {
		edge = p
	}
	c.last = append(c.last[:0], edge[max(0, len(edge)-longestSign):]...)
}
