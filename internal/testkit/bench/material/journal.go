package material

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
)

// Journal is a file of mutations, one a line: a session, and then memories of about 550 bytes.
type Journal struct {
	Path string
	Rows int
	Last string  // the key of the last
	sum  keysSum // of all keys in order
}

// mutation is a line, as `engram-sync mutations push` takes it.
type mutation struct {
	Entity    string `json:"entity"`
	EntityKey string `json:"entity_key"`
	Op        string `json:"op"`
	Payload   any    `json:"payload"`
}

// WriteJournal makes a journal of so many rows, in a new file.
func WriteJournal(path string, rows int) (*Journal, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write a journal: %w", err)
	}
	j, err := writeJournal(bufio.NewWriterSize(file, 1<<16), rows)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, fmt.Errorf("write a journal: %w", err)
	}
	j.Path = path
	return j, nil
}

func writeJournal(out *bufio.Writer, rows int) (*Journal, error) {
	const session = "s-1"
	author := corpus.NewAuthor(uint64(rows))
	j := &Journal{Rows: rows}
	lines := json.NewEncoder(out)
	for i := range rows {
		m := mutation{Entity: "session", EntityKey: session, Op: "upsert", Payload: map[string]string{
			"id": session, "project": corpus.Project, "directory": "/home/dev/" + corpus.Project,
		}}
		if i > 0 {
			o := author.Memory(session, 300)
			m.Entity, m.EntityKey, m.Payload = "observation", o.SyncID, payloadOf(o)
		}
		if err := lines.Encode(m); err != nil {
			return nil, err
		}
		j.Last = m.EntityKey
		j.sum.add(m.EntityKey)
	}
	return j, out.Flush()
}

// payloadOf has the members that engram 1.9.4 sends of a memory. Source: account-server.md 4.2.
func payloadOf(o engram.Observation) map[string]any {
	return map[string]any{
		"sync_id": o.SyncID, "session_id": o.SessionID, "type": o.Type, "title": o.Title, "content": o.Content,
		"project": *o.Project, "scope": o.Scope,
	}
}

// Check fails unless a file has the mutations of the journal, one a line and in their order.
func (j *Journal) Check(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check a journal: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	lines := json.NewDecoder(bufio.NewReaderSize(file, 1<<16))
	var sum keysSum
	rows := 0
	for ; lines.More(); rows++ {
		var m struct {
			EntityKey string `json:"entity_key"`
		}
		if err := lines.Decode(&m); err != nil {
			return fmt.Errorf("check a journal: line %d: %w", rows+1, err)
		}
		sum.add(m.EntityKey)
	}
	if rows != j.Rows || sum != j.sum {
		return fmt.Errorf("check a journal: %d rows arrived of %d, or in another order", rows, j.Rows)
	}
	return nil
}

// keysSum is a hash over keys in their order.
type keysSum [sha256.Size]byte

func (s *keysSum) add(key string) { *s = sha256.Sum256(append(s[:], key...)) }
