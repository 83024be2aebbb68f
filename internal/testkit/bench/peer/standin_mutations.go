package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
)

type mutation struct {
	Seq        int64           `json:"seq,omitempty"`
	Entity     string          `json:"entity"`
	EntityKey  string          `json:"entity_key"`
	Op         string          `json:"op"`
	Payload    json.RawMessage `json:"payload"`
	OccurredAt string          `json:"occurred_at,omitempty"`
}

// pushMutations sends a journal, a hundred at a time. Source: account-server.md 7.1.
func (c *client) pushMutations(ctx context.Context) error {
	rows, err := readMutations(c.file)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(rows, batch) {
		answer, err := c.exchange(ctx, http.MethodPost, "/sync/mutations/push", map[string]any{"mutations": some})
		if err != nil {
			return err
		}
		var result struct{ Accepted int }
		if err := json.Unmarshal(answer, &result); err != nil {
			return fmt.Errorf("read an answer: %w", err)
		}
		if result.Accepted != len(some) {
			return errAccepted
		}
	}
	return nil
}

func readMutations(path string) ([]mutation, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	var rows []mutation
	for lines := json.NewDecoder(bufio.NewReader(file)); ; {
		var m mutation
		if err := lines.Decode(&m); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		rows = append(rows, m)
	}
}

// pullMutations fetches a journal, a hundred at a time, and writes it as it comes.
func (c *client) pullMutations(ctx context.Context) error {
	file, err := os.Create(c.file)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	out := bufio.NewWriter(file)
	err = c.pullPages(ctx, json.NewEncoder(out))
	for _, end := range []func() error{out.Flush, file.Close} {
		if ended := end(); err == nil && ended != nil {
			err = fmt.Errorf("write the journal: %w", ended)
		}
	}
	return err
}

func (c *client) pullPages(ctx context.Context, lines *json.Encoder) error {
	since := int64(0)
	for {
		var page struct {
			Mutations []mutation `json:"mutations"`
			HasMore   bool       `json:"has_more"`
		}
		if err := c.get(ctx, fmt.Sprintf("/sync/mutations/pull?since_seq=%d&limit=%d", since, batch), &page); err != nil {
			return err
		}
		for _, m := range page.Mutations {
			if err := lines.Encode(m); err != nil {
				return fmt.Errorf("write the journal: %w", err)
			}
			since = m.Seq
		}
		if !page.HasMore {
			return nil
		}
	}
}
