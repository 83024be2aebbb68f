package engramdb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Deletions gives each row once that was deleted and is not there any more, by what
// the database still knows of it: tombstones, and where there are none the journal.
// A row that was deleted without a trace is not among them, nor is one that came back.
// Source: engram-2.md 3, local-state.md 2.3.
func (s *Snapshot) Deletions(ctx context.Context, yield func(engram.Deletion) error) error {
	found := deletions{known: map[row]bool{}, yield: yield}
	for _, read := range []func(context.Context, *deletions) error{s.tombstones, s.promptTombstones, s.journaledDeletions} {
		if err := read(ctx, &found); err != nil {
			return fmt.Errorf("read what was deleted in engram: %w", err)
		}
	}
	return nil
}

// deletions takes what the first one to know of a row says.
type deletions struct {
	known map[row]bool
	yield func(engram.Deletion) error
}

type row struct {
	kind engram.RowKind
	key  string
}

func (d *deletions) add(found engram.Deletion, active bool) error {
	of := row{found.Kind, found.Key}
	if d.known[of] || found.Key == "" {
		return nil
	}
	d.known[of] = true
	if !active {
		return nil
	}
	return d.yield(found)
}

// gone is a condition: the row that the entity and the key name is nowhere.
const gone = ` CASE entity
	WHEN 'observation' THEN NOT EXISTS (SELECT 1 FROM observations WHERE sync_id = entity_key)
	WHEN 'prompt' THEN NOT EXISTS (SELECT 1 FROM user_prompts WHERE sync_id = entity_key)
	WHEN 'session' THEN NOT EXISTS (SELECT 1 FROM sessions WHERE id = entity_key)
	ELSE 0 END`

// tombstones are those of 2.x. One that is not active is of a row that came back, and
// what older sources say of that is no longer true.
func (s *Snapshot) tombstones(ctx context.Context, found *deletions) error {
	columns, err := s.optional(ctx, table{"sync_delete_tombstones", []column{
		{"entity", text, false}, {"entity_key", text, false}, {"session_id", text, true},
		{"project", text, true}, {"deleted_at", text, false}, {"active", integer, false},
	}})
	if columns == "" {
		return err
	}
	return s.view.query(ctx, func(scan func(...any) error) error {
		var d engram.Deletion
		var entity string
		var active int
		if err := scan(orZero(&entity), orZero(&d.Key), orZero(&d.Session), orZero(&d.Project), orZero(&d.At), orZero(&active)); err != nil {
			return err
		}
		d.Kind = engram.KindOf(entity)
		return found.add(d, active != 0)
	}, "SELECT "+columns+" FROM sync_delete_tombstones WHERE"+gone+" ORDER BY entity, entity_key")
}

// promptTombstones are those of 1.16 and later.
func (s *Snapshot) promptTombstones(ctx context.Context, found *deletions) error {
	columns, err := s.optional(ctx, table{"prompt_tombstones", []column{
		{"sync_id", text, false}, {"session_id", text, true}, {"project", text, true}, {"deleted_at", text, false},
	}})
	if columns == "" {
		return err
	}
	return s.view.query(ctx, func(scan func(...any) error) error {
		d := engram.Deletion{Kind: engram.PromptRow}
		if err := scan(orZero(&d.Key), orZero(&d.Session), orZero(&d.Project), orZero(&d.At)); err != nil {
			return err
		}
		return found.add(d, true)
	}, "SELECT "+columns+` FROM prompt_tombstones t
		WHERE NOT EXISTS (SELECT 1 FROM user_prompts WHERE sync_id = t.sync_id) ORDER BY sync_id`)
}

// journaledDeletions are what is left of observations in 1.x: a delete in its journal,
// and no row. The last one counts.
func (s *Snapshot) journaledDeletions(ctx context.Context, found *deletions) error {
	columns, err := s.optional(ctx, table{"sync_mutations", []column{
		{"entity", text, false}, {"entity_key", text, false}, {"payload", text, false}, {"project", text, true}, {"occurred_at", text, false},
	}})
	if columns == "" {
		return err
	}
	return s.view.query(ctx, func(scan func(...any) error) error {
		var d engram.Deletion
		var entity, project, occurred string
		var payload []byte
		if err := scan(orZero(&entity), orZero(&d.Key), &payload, orZero(&project), orZero(&occurred)); err != nil {
			return err
		}
		var said struct {
			Project   string `json:"project"`
			Session   string `json:"session_id"`
			DeletedAt string `json:"deleted_at"`
		}
		_ = json.Unmarshal(payload, &said) // what it does not say is said beside it
		d.Kind, d.Session = engram.KindOf(entity), said.Session
		d.Project, d.At = cmp.Or(said.Project, project), cmp.Or(said.DeletedAt, occurred)
		return found.add(d, true)
	}, "SELECT "+columns+" FROM sync_mutations WHERE op = 'delete' AND"+gone+" ORDER BY seq DESC")
}

// optional is the list for SELECT; "" where the database has no such table, or one of
// another release that lacks what has to be known.
func (s *Snapshot) optional(ctx context.Context, t table) (string, error) {
	columns, err := s.view.columns(ctx, t)
	if unknown := (*SchemaError)(nil); errors.As(err, &unknown) {
		return "", nil
	}
	return columns, err
}
