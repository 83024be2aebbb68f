package pushbody

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// In this package, and not outside of it: through HTTP and SQLite a fuzzer gets nowhere.

// feedAll gives a body to the parser in pieces of the given size.
func feedAll(body []byte, size int) (store.NewChunk, error) {
	p := NewEnvelopeParser()
	for len(body) > 0 {
		n := min(size, len(body))
		if err := p.Feed(body[:n]); err != nil {
			return store.NewChunk{}, err
		}
		body = body[n:]
	}
	return p.Finish()
}

// The types that the reference server decodes into, as far as they matter.
type oracleRequest struct {
	ChunkID   string          `json:"chunk_id"`
	CreatedBy string          `json:"created_by"`
	Data      json.RawMessage `json:"data"`
}

type oracleData struct {
	Sessions []struct {
		ID        string `json:"id"`
		Project   string `json:"project"`
		Directory string `json:"directory"`
		StartedAt string `json:"started_at"`
		EndedAt   string `json:"ended_at"`
		Summary   string `json:"summary"`
	} `json:"sessions"`
	Observations []struct {
		SessionID string `json:"session_id"`
		Type      string `json:"type"`
		Title     string `json:"title"`
		Content   string `json:"content"`
		ToolName  string `json:"tool_name"`
		Project   string `json:"project"`
		Scope     string `json:"scope"`
		TopicKey  string `json:"topic_key"`
	} `json:"observations"`
	Prompts []struct {
		SessionID string `json:"session_id"`
		Content   string `json:"content"`
		Project   string `json:"project"`
	} `json:"prompts"`
}

// oracle is what the parser should say, by Go's decoder and with all in memory.
func oracle(body []byte) (store.NewChunk, error) {
	var req oracleRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return store.NewChunk{}, err
	}
	chunk := store.NewChunk{ID: req.ChunkID, CreatedBy: req.CreatedBy}
	if !IsChunkID(chunk.ID) || len(chunk.CreatedBy) > maxCreatedBy {
		return store.NewChunk{}, errors.New("refused")
	}
	if err := onlyOnce(body, envelopeMembers); err != nil {
		return store.NewChunk{}, err
	}
	if len(req.Data) == 0 || string(req.Data) == "null" {
		return chunk, nil
	}
	var data oracleData
	if err := json.Unmarshal(req.Data, &data); err != nil {
		return store.NewChunk{}, err
	}
	if err := onlyOnce(req.Data, dataMembers); err != nil {
		return store.NewChunk{}, err
	}
	sum := sha256.Sum256(req.Data)
	chunk.DataSHA256 = hex.EncodeToString(sum[:])
	for _, s := range data.Sessions {
		chunk.Sessions += one(s.ID != "" && s.Project != "")
	}
	for _, o := range data.Observations {
		chunk.Memories += one(o.SessionID != "" && o.Title != "" && o.Content != "")
	}
	for _, p := range data.Prompts {
		chunk.Prompts += one(p.SessionID != "" && p.Content != "")
	}
	return chunk, nil
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// onlyOnce looks for known members of an object that stand there twice.
func onlyOnce(object []byte, names []string) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return err // null
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		for _, name := range names {
			if text, ok := key.(string); ok && strings.EqualFold(text, name) {
				if seen[name] {
					return errors.New("twice")
				}
				seen[name] = true
			}
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, `{"chunk_id":"0cdb38de"}`, `{"chunk_id":"0cdb38de"} x`, `{"Chunk_ID":"0cdb38de","chunk_id":"x"}`,
		`{"chunk_id":"0cdb38de","created_by":"d\u00e9v","data":{"sessions":[{"id":"s","project":"p","summary":null}],"observations":null}}`,
		` {"data" : {"observations":[{"session_id":"s","title":"t","content":"c","Content":""},null,{}]} ,"chunk_id":"\u0030cdb38de"}` + "\n",
		`{"chunk_id":"0cdb38de","data":{"prompt\u017f":[{"ſession_id":"s","content":"c","content":null}],"x":[[{"id":1}]]}}`,
		`{"chunk_id":"0cdb38de","data":{"prompts":[],"PROMPTS":[]}}`, `{"chunk_id":"0cdb38de","data":null,"DATA":{}}`,
		`{"chunk_id":"0cdb38de","data":{"sessions":[1]}}`, `{"chunk_id":"0cdb38de","x":-0.5e+7,"y":[true,false,null,"\ud800"]}`,
		"{\"chunk_id\":\"0cdb38de\",\"created_by\":\"\xff\",\"data\":{\"prompts\":[{\"session_id\":\"s\",\"content\":\"\xff\"}]}}",
		`{"chunk_id":"0cdb38de","data":{"sessions":[{"id":"s","project":"p"}]},"sessions":[{"id":"s","project":"p"}]}`,
		`{"chunk_id":"0cdb38de","created_by":"` + strings.Repeat("x", 1025) + `"}`,
	} {
		f.Add([]byte(seed), uint8(1))
		f.Add([]byte(seed), uint8(200))
	}
	f.Fuzz(func(t *testing.T, body []byte, size uint8) {
		want, wantErr := oracle(body)
		got, err := feedAll(body, max(1, int(size)))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got error %v, want %v", err, wantErr)
		}
		var told *Error
		if err != nil && !errors.As(err, &told) {
			t.Errorf("%v is no *Error", err)
		}
		if err == nil && got.Version != 1 && got.Version != 2 {
			t.Errorf("version %d", got.Version)
		}
		want.Version = got.Version // the reference server knows none
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
