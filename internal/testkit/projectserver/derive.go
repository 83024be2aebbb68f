package projectserver

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// derivedChunk is a chunk that the server makes of a batch of mutations, one for each project.
type derivedChunk struct {
	project   string
	id        string
	canonical []byte
	sessions  []string // whose ids the server puts into an index
}

// deriveChunks makes the chunks of a batch, in the order of the projects' first
// entries. Entries of unknown entities are in none (T4).
func (t traits) deriveChunks(rows []engram.PullMutationResult) ([]derivedChunk, error) {
	var projects []string
	byProject := map[string]*typedChunk{}
	for _, row := range rows {
		switch row.Entity {
		case "session", "observation", "prompt", "relation":
		default:
			continue
		}
		c := byProject[row.Project]
		if c == nil {
			c = &typedChunk{} // all four lists are always there, if only as null, which becomes [] (13)
			byProject[row.Project] = c
			projects = append(projects, row.Project)
		}
		if row.Op == "upsert" {
			if err := c.addRow(row.Entity, row.Payload); err != nil {
				return nil, fmt.Errorf("materialize mutation batch %s %q: %w", row.Entity, row.EntityKey, err)
			}
		}
		c.Mutations = append(c.Mutations, typedMutation{
			Entity: row.Entity, EntityKey: row.EntityKey, Op: row.Op, Payload: string(row.Payload),
		})
	}
	var derived []derivedChunk
	for _, project := range projects {
		d, err := t.derive(project, byProject[project])
		if err != nil {
			return nil, err
		}
		derived = append(derived, d)
	}
	return derived, nil
}

func (t traits) derive(project string, c *typedChunk) (derivedChunk, error) {
	t.forget(c)
	data, err := json.Marshal(c)
	if err != nil {
		return derivedChunk{}, err
	}
	canonical, err := t.form().Canonical(data, project)
	var row *canon.RowError
	if errors.As(err, &row) {
		return derivedChunk{}, fmt.Errorf("canonicalize materialized mutation batch chunk: %s", refusalText(*row, data))
	}
	return derivedChunk{project: project, id: idOf(canonical), canonical: canonical, sessions: c.sessionIDs()}, err
}

// idOf is the id of a chunk with this canonical text.
func idOf(canonical []byte) string { return engram.IDOf(sha256.Sum256(canonical)).String() }
