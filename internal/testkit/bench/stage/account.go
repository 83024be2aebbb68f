package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/testkit/bench/material"
)

// MakeAccount registers an account and gives a key of it, which does not end.
func MakeAccount(ctx context.Context, url, name string) (string, error) {
	var login struct {
		AccessToken string `json:"access_token"`
	}
	register := fmt.Sprintf(`{"username":%q,"email":"%s@example.com","password":"correct horse"}`, name, name)
	if err := ask(ctx, http.MethodPost, url+"/auth/register", "", register, &login); err != nil {
		return "", err
	}
	var made struct {
		APIKey string `json:"api_key"`
	}
	if err := ask(ctx, http.MethodPost, url+"/auth/api-key", login.AccessToken, "", &made); err != nil {
		return "", err
	}
	if made.APIKey == "" {
		return "", errors.New("the server gave no key")
	}
	return made.APIKey, nil
}

// CheckAccount fails unless the account on the server has exactly these chunks. Of each it looks at
// the manifest; of more than a thousand, it compares the bytes of a thousand, evenly spread.
func CheckAccount(ctx context.Context, url, key string, chunks *material.Chunks) error {
	var manifest json.RawMessage
	if err := ask(ctx, http.MethodGet, url+"/sync/pull", key, "", &manifest); err != nil {
		return err
	}
	if err := chunks.CheckManifest(manifest); err != nil {
		return err
	}
	ids := chunks.IDs()
	step := max(len(ids)/1000, 1)
	for i := 0; i < len(ids); i += step {
		var pushed struct{ Data json.RawMessage }
		if err := ask(ctx, http.MethodGet, url+"/sync/pull/"+ids[i], key, "", &pushed); err != nil {
			return err
		}
		if err := chunks.CheckContent(ids[i], bytes.NewReader(pushed.Data)); err != nil {
			return err
		}
	}
	return nil
}

// CheckJournal fails unless the account's journal ends where this one does, after as many rows.
func CheckJournal(ctx context.Context, url, key string, journal *material.Journal) error {
	var page struct {
		Mutations []struct {
			Seq       int
			EntityKey string `json:"entity_key"`
		}
	}
	since := strconv.Itoa(journal.Rows - 1)
	if err := ask(ctx, http.MethodGet, url+"/sync/mutations/pull?limit=10&since_seq="+since, key, "", &page); err != nil {
		return err
	}
	if len(page.Mutations) != 1 || page.Mutations[0].Seq != journal.Rows || page.Mutations[0].EntityKey != journal.Last {
		return fmt.Errorf("the journal of the server does not end with row %d, %s: %v", journal.Rows, journal.Last, page.Mutations)
	}
	return nil
}

// CheckProject fails unless the chunks of a project on a project server have so many memories.
func CheckProject(ctx context.Context, url, token, project string, memories int64) error {
	var manifest json.RawMessage
	if err := ask(ctx, http.MethodGet, url+"/sync/pull?project="+project, token, "", &manifest); err != nil {
		return err
	}
	return material.CheckMemories(manifest, memories)
}

// CheckCount fails unless the account on the server has so many chunks.
func CheckCount(ctx context.Context, url, key string, n int) error {
	var manifest struct{ Chunks []json.RawMessage }
	if err := ask(ctx, http.MethodGet, url+"/sync/pull", key, "", &manifest); err != nil {
		return err
	}
	if len(manifest.Chunks) != n {
		return fmt.Errorf("the server has %d chunks instead of %d", len(manifest.Chunks), n)
	}
	return nil
}

// ask sends one request and reads the answer.
func ask(ctx context.Context, method, url, token, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.200s", method, url, resp.Status, answer)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	return nil
}
