package peer

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// manifest is one, decoded whole.
type manifest struct {
	Version int          `json:"version"`
	Chunks  []chunkEntry `json:"chunks"`
}

type chunkEntry struct {
	ID        string `json:"id"`
	CreatedBy string `json:"created_by"`
	CreatedAt string `json:"created_at"`
	Sessions  int    `json:"sessions"`
	Memories  int    `json:"memories"`
	Prompts   int    `json:"prompts"`
}

// envelope is a chunk on the wire.
type envelope struct {
	ChunkID   string           `json:"chunk_id"`
	CreatedBy string           `json:"created_by"`
	Data      engram.ChunkRows `json:"data"`
}

// status prints how many chunks a pull would fetch.
func (c *client) status(ctx context.Context) error {
	local, err := c.readManifest()
	if err != nil {
		return err
	}
	var remote manifest
	if err := c.get(ctx, "/sync/pull", &remote); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.stdout, len(without(remote.Chunks, local.Chunks)))
	return err
}

// pull fetches what the manifest here does not name, and writes the manifest at the end.
func (c *client) pull(ctx context.Context) error {
	local, err := c.readManifest()
	if err != nil {
		return err
	}
	var remote manifest
	if err := c.get(ctx, "/sync/pull", &remote); err != nil {
		return err
	}
	missing := without(remote.Chunks, local.Chunks)
	if len(missing) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(c.dir, "chunks"), 0o755); err != nil {
		return fmt.Errorf("make a chunk directory: %w", err)
	}
	for _, e := range missing {
		if err := c.pullChunk(ctx, e.ID); err != nil {
			return err
		}
		local.Chunks = append(local.Chunks, e)
	}
	text, err := json.MarshalIndent(local, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "manifest.json"), text, 0o644); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return nil
}

func (c *client) pullChunk(ctx context.Context, id string) error {
	var chunk envelope
	if err := c.get(ctx, "/sync/pull/"+id, &chunk); err != nil {
		return err
	}
	text, err := engram.EncodeChunk(chunk.Data)
	if err != nil {
		return fmt.Errorf("encode chunk %s: %w", id, err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("compress chunk %s: %w", id, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compress chunk %s: %w", id, err)
	}
	if err := os.WriteFile(c.chunkFile(id), packed.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write chunk %s: %w", id, err)
	}
	return nil
}

// push sends what the manifest there does not name.
func (c *client) push(ctx context.Context) error {
	local, err := c.readManifest()
	if err != nil {
		return err
	}
	var remote manifest
	if err := c.get(ctx, "/sync/pull", &remote); err != nil {
		return err
	}
	for _, e := range without(local.Chunks, remote.Chunks) {
		if err := c.pushChunk(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) pushChunk(ctx context.Context, e chunkEntry) error {
	file, err := os.Open(c.chunkFile(e.ID))
	if err != nil {
		return fmt.Errorf("read chunk %s: %w", e.ID, err)
	}
	defer func() { _ = file.Close() }() // only read
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("read chunk %s: %w", e.ID, err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		return fmt.Errorf("read chunk %s: %w", e.ID, err)
	}
	chunk := envelope{ChunkID: e.ID, CreatedBy: e.CreatedBy}
	if err := json.Unmarshal(text, &chunk.Data); err != nil {
		return fmt.Errorf("read chunk %s: %w", e.ID, err)
	}
	_, err = c.exchange(ctx, http.MethodPost, "/sync/push", chunk)
	return err
}

func (c *client) chunkFile(id string) string { return filepath.Join(c.dir, "chunks", id+".jsonl.gz") }

// readManifest gives that of the directory: an empty one where there is none.
func (c *client) readManifest() (manifest, error) {
	m := manifest{Version: 1}
	text, err := os.ReadFile(filepath.Join(c.dir, "manifest.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, fmt.Errorf("read the manifest: %w", err)
	}
	return m, nil
}

// without are the entries whose ids are not among those of others.
func without(entries, others []chunkEntry) []chunkEntry {
	known := map[string]bool{}
	for _, e := range others {
		known[e.ID] = true
	}
	var rest []chunkEntry
	for _, e := range entries {
		if !known[e.ID] {
			rest = append(rest, e)
		}
	}
	return rest
}
