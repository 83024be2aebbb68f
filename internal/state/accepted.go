package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// AcceptedRows are the rows that a remote would refuse and that the user has
// accepted to be without there, for one project.
type AcceptedRows struct {
	root Root
	path string
	file acceptedFile
	rows map[string]bool
}

type acceptedFile struct {
	Schema  int      `json:"schema"`
	Remote  string   `json:"remote"`
	Project string   `json:"project"`
	Rows    []string `json:"rows"`
}

// OpenAcceptedRows reads what was accepted. What cannot be read was not: then the
// rows are told again.
func OpenAcceptedRows(root Root, remote, project string) *AcceptedRows {
	a := &AcceptedRows{
		root: root, path: root.Path("accepted", fileName(remote+"\x00"+project)+".json"),
		file: acceptedFile{Schema: 1, Remote: remote, Project: project}, rows: map[string]bool{},
	}
	text, err := sharing.ReadFile(a.path)
	var file acceptedFile
	if err == nil && CheckSchema(text, 1) == nil && json.Unmarshal(text, &file) == nil {
		for _, row := range file.Rows {
			a.rows[row] = true
		}
	}
	return a
}

// Has says whether the row was accepted.
func (a *AcceptedRows) Has(row string) bool { return a.rows[row] }

// Add remembers rows. They are on disk when it returns.
func (a *AcceptedRows) Add(rows []string) error {
	for _, row := range rows {
		a.rows[row] = true
	}
	file := a.file
	file.Rows = slices.Sorted(maps.Keys(a.rows))
	text, err := json.MarshalIndent(file, "", "  ")
	if err == nil {
		err = a.root.write(a.path, text)
	}
	if err != nil {
		return fmt.Errorf("remember the rows that were accepted: %w", err)
	}
	return nil
}
