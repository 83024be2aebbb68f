package mutations

import (
	"context"
	"encoding/json"
	"io"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/words"
)

// sessionsOf gives the rows of sessions that the database which is pushed has, or else
// the chunks of the directory at hand.
func (m *push) sessionsOf(src source.Source) func(context.Context, []string) (map[string]json.RawMessage, error) {
	return func(ctx context.Context, ids []string) (map[string]json.RawMessage, error) {
		wanted, rows := map[string]bool{}, map[string]json.RawMessage{}
		for _, id := range ids {
			wanted[id] = true
		}
		found := func(id string, row json.RawMessage) { rows[id] = row }
		if db, ok := src.(*source.Database); ok {
			if err := db.Sessions(ctx, func(id string) bool { return wanted[id] }, found); err != nil {
				return nil, err
			}
		}
		for id := range rows {
			delete(wanted, id)
		}
		if len(wanted) == 0 {
			return rows, nil
		}
		m.inChunks(ctx, func(id string) bool { return wanted[id] }, found)
		return rows, ctx.Err()
	}
}

// inChunks looks through the chunks, of which the later ones say what is newer. Those
// that cannot be read have nothing to say here: verify tells of them.
func (m *push) inChunks(ctx context.Context, wanted func(string) bool, found func(string, json.RawMessage)) {
	dir, _, err := m.ws.OpenDirectoryIfAny()
	if err != nil {
		m.ws.Log.Debug("look for sessions in chunks", "error", err)
		return
	}
	manifest, err := dir.ReadManifest(ctx)
	if err != nil {
		m.ws.Log.Debug("look for sessions in chunks", "error", err)
		return
	}
	for _, entry := range manifest.Entries() {
		if ctx.Err() != nil {
			return
		}
		rows := map[string]json.RawMessage{}
		chunk, err := dir.OpenChunk(entry.ID)
		if err == nil {
			_, err = engram.ReadRows(chunk, func(r io.Reader) (struct{}, error) {
				return struct{}{}, words.ReadSessions(r, wanted, func(id string, row json.RawMessage) { rows[id] = row })
			})
			_ = chunk.Close() // only read
		}
		if err != nil {
			m.ws.Log.Debug("look for sessions in a chunk", "chunk", entry.ID, "error", err)
			continue
		}
		for id, row := range rows {
			found(id, row)
		}
	}
}

// knownSessions is what is remembered of the sessions of the project in the server's journal.
// What cannot be read is read from the server anew.
func knownSessions(kept *state.AccountState, project string) *journal.Sessions {
	file := kept.SessionsFile()
	known := &journal.Sessions{}
	if file.Read(known, journal.SessionsSchema) != nil {
		known = &journal.Sessions{}
	}
	known.Store, known.Project, known.Schema = file, project, journal.SessionsSchema
	return known
}
