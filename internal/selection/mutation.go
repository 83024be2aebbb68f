package selection

import (
	"encoding/json"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// MutationType is what type= knows a mutation by: the type of a memory, or which kind of row another one is about. It is
// "" where it does not tell, as a deletion of a memory does not.
func MutationType(e engram.MutationEntry) string {
	if !strings.EqualFold(e.Entity, "observation") {
		return Type(e.Entity)
	}
	var fields struct {
		Type any `json:"type"`
	}
	_ = json.Unmarshal(engram.PayloadObject(e.Payload), &fields) // what it cannot read stays empty
	text, _ := fields.Type.(string)
	return Type(text)
}

// Mutation is the subject that a row of a journal is. One of a server that names no project is of that which its payload
// names.
func Mutation(e engram.MutationEntry, at string) Subject {
	return Row(e.Scope().Project, MutationType(e), at)
}
