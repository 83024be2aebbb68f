package state

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// AnsweredIDs are the ids under which a project server stored what was sent under
// others, in a canonical form that nobody here knows, for one project.
type AnsweredIDs struct {
	root Root
	path string
	file answeredFile
}

type answeredFile struct {
	Schema  int                               `json:"schema"`
	Remote  string                            `json:"remote"`
	Project string                            `json:"project"`
	IDs     map[engram.ChunkID]engram.ChunkID `json:"ids"` // by those that were sent
}

// answeredSchema is 2 since ids are kept only of chunks that were read back.
const answeredSchema = 2

// OpenAnsweredIDs reads what was answered. What cannot be read, or may not have been read
// back, is forgotten: then the server's chunks are recognised by their rows.
func OpenAnsweredIDs(root Root, remote, project string) *AnsweredIDs {
	a := &AnsweredIDs{
		root: root, path: root.Path("answered", fileName(remote+"\x00"+project)+".json"),
		file: answeredFile{Schema: answeredSchema, Remote: remote, Project: project, IDs: map[engram.ChunkID]engram.ChunkID{}},
	}
	text, err := sharing.ReadFile(a.path)
	var file answeredFile
	if err == nil && CheckSchema(text, answeredSchema) == nil && json.Unmarshal(text, &file) == nil && file.IDs != nil {
		a.file.IDs = file.IDs
	}
	return a
}

// Of gives the server's id for one of ours.
func (a *AnsweredIDs) Of(sent engram.ChunkID) (stored engram.ChunkID, ok bool) {
	stored, ok = a.file.IDs[sent]
	return stored, ok
}

// Add remembers the server's ids, by ours. They are on disk when it returns. The file is
// written whole, so what a run learns is added at once.
func (a *AnsweredIDs) Add(stored map[engram.ChunkID]engram.ChunkID) error {
	maps.Copy(a.file.IDs, stored)
	text, err := json.MarshalIndent(a.file, "", "  ")
	if err == nil {
		err = a.root.write(a.path, text)
	}
	if err != nil {
		return fmt.Errorf("remember the ids that the server gave %d chunks: %w", len(stored), err)
	}
	return nil
}
