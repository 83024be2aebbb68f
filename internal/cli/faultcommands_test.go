package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

// command is one that is tried, and what has to be true in the end.
type faultCommand struct {
	name    string
	main    func(*http.Request) bool
	serves  bool // what there is lies on the server, else here
	prepare func(*bench)
	args    func(*bench) []string
	check   func(*bench) (wrong []string)
}

var faultCommands = []faultCommand{
	{
		name: "push", main: isRequest(http.MethodPost, "/sync/push"), prepare: (*bench).layChunks,
		args:  func(b *bench) []string { return []string{"push", "--dir", b.path(".engram")} },
		check: (*bench).checkPushed,
	},
	{
		name: "pull", main: isRequest(http.MethodGet, "/sync/pull/"), serves: true, prepare: func(*bench) {},
		args:  func(b *bench) []string { return []string{"pull", "--dir", b.path(".engram")} },
		check: (*bench).checkPulled,
	},
	{
		name: "mutations push", main: isRequest(http.MethodPost, "/sync/mutations/push"), prepare: (*bench).layRows,
		args:  func(b *bench) []string { return []string{"mutations", "push", b.path("rows.jsonl")} },
		check: (*bench).checkJournal,
	},
	{
		name: "mutations pull", main: isRequest(http.MethodGet, "/sync/mutations/pull"), serves: true, prepare: func(*bench) {},
		args:  func(b *bench) []string { return []string{"mutations", "pull", "--output", b.path("out.jsonl")} },
		check: (*bench).checkOutput,
	},
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// faultSeeds is what experiments begin with.
type faultSeeds struct {
	chunks map[string]string // by id
	rows   []string          // mutations, as lines
	full   string            // an account server's directory with all of it
	empty  string
}

// faultWorld is a server, with a count of what it took.
type faultWorld struct {
	http.Handler
	token   string
	project *projectserver.Server // nil on an account server
	close   func(t *testing.T)
	seeds   *faultSeeds

	mu       sync.Mutex
	accepted map[string]int
}

const faultToken = "secret-token"

func newFaultSeeds(t *testing.T) *faultSeeds {
	t.Helper()
	s := &faultSeeds{chunks: map[string]string{}, full: t.TempDir(), empty: t.TempDir()}
	for i, size := range []int{10, 200_000, 1000} {
		part := wiretest.Part(t, fmt.Sprintf(`{"sessions":[{"id":"s%d","project":"repo","directory":"/w"}],"observations":[{"sync_id":"o%d","session_id":"s%d",`+
			`"type":"note","title":"t","project":"repo","scope":"project","content":%q}],"prompts":[]}`, i, i, i, strings.Repeat("text ", size/5)))
		s.chunks[part.ID().String()] = part.Text
	}
	for i := range 120 {
		s.rows = append(s.rows, fmt.Sprintf(`{"entity":"session","entity_key":"m%d","op":"upsert","payload":{"id":"m%d","project":"repo","directory":"/w"}}`, i, i))
	}
	for _, dir := range []string{s.full, s.empty} {
		w := s.account(t, dir)
		if dir == s.full {
			w.fill(t)
		}
		w.close(t)
	}
	return s
}

func (s *faultSeeds) account(t *testing.T, dir string) *faultWorld {
	t.Helper()
	srv, err := server.Open(t.Context(), server.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	token, err := srv.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &faultWorld{Handler: srv.Handler(), token: token, seeds: s, accepted: map[string]int{}, close: func(t *testing.T) {
		t.Helper()
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	}}
}

// open starts a server for one experiment.
func (s *faultSeeds) open(t *testing.T, kind string, on faultCommand, dir string) *faultWorld {
	t.Helper()
	if kind == "account" {
		from, data := s.empty, filepath.Join(dir, "server")
		if on.serves {
			from = s.full
		}
		if err := os.CopyFS(data, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"signing.key", "server.db"} {
			if err := os.Chmod(filepath.Join(data, name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return s.account(t, data)
	}
	srv := projectserver.New(projectserver.Options{Token: faultToken, Projects: []string{"repo"}})
	w := &faultWorld{Handler: srv, project: srv, token: faultToken, seeds: s, accepted: map[string]int{}, close: func(*testing.T) {}}
	if on.serves {
		w.fill(t)
	}
	return w
}

// fill gives the server all there is.
func (w *faultWorld) fill(t *testing.T) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(w.seeds.chunks)) {
		text := w.seeds.chunks[id]
		w.ask(t, http.MethodPost, "/sync/push", fmt.Sprintf(
			`{"chunk_id":%q,"created_by":"seed","client_created_at":"2026-11-01T00:00:00Z","project":"repo","data":%s}`, id, text))
	}
	for rows := range slices.Chunk(w.seeds.rows, 100) {
		member, text := "mutations", strings.Join(rows, ",")
		if w.project != nil {
			member, text = "entries", strings.ReplaceAll(text, `"entity":`, `"project":"repo","entity":`)
		}
		w.ask(t, http.MethodPost, "/sync/mutations/push", fmt.Sprintf(`{%q:[%s]}`, member, text))
	}
	clear(w.accepted)
}

// ask asks the server without a network.
func (w *faultWorld) ask(t *testing.T, method, target, body string) []byte {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		t.Errorf("%s %s: %d %s", method, target, answer.Code, answer.Body)
	}
	return answer.Body.Bytes()
}

// ServeHTTP counts the chunks that the server says it took.
func (w *faultWorld) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	w.Handler.ServeHTTP(answer, r)
	var took struct {
		ChunkID string `json:"chunk_id"`
	}
	if r.Method == http.MethodPost && answer.Code == http.StatusOK && json.Unmarshal(answer.Body.Bytes(), &took) == nil && took.ChunkID != "" {
		w.mu.Lock()
		w.accepted[took.ChunkID]++
		w.mu.Unlock()
	}
	maps.Copy(out.Header(), answer.Header())
	out.WriteHeader(answer.Code)
	_, _ = out.Write(answer.Body.Bytes()) // a recorder
}

// stored are the chunks on the server.
func (w *faultWorld) stored(t *testing.T) map[string]string {
	t.Helper()
	if w.project != nil {
		all, bodies := map[string]string{}, w.project.Bodies("repo")
		for i, id := range w.project.Chunks("repo") {
			all[id] = w.canonical(t, bodies[i])
		}
		return all
	}
	var manifest struct{ Chunks []struct{ ID string } }
	w.decode(t, "/sync/pull", &manifest)
	all := map[string]string{}
	for _, e := range manifest.Chunks {
		var envelope struct{ Data json.RawMessage }
		w.decode(t, "/sync/pull/"+e.ID, &envelope)
		if _, twice := all[e.ID]; twice {
			t.Errorf("%s is listed twice", e.ID)
		}
		all[e.ID] = string(envelope.Data)
	}
	return all
}

// canonical gives the bytes that a project server gives out for what it has stored.
func (w *faultWorld) canonical(t *testing.T, stored []byte) string {
	t.Helper()
	text, err := canon.Of(engram.Gen1).ForPush(stored, "repo")
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func (w *faultWorld) decode(t *testing.T, target string, into any) {
	t.Helper()
	if err := json.Unmarshal(w.ask(t, http.MethodGet, target, ""), into); err != nil {
		t.Errorf("%s: %v", target, err)
	}
}

// journal are the keys in the server's journal, in its order.
func (w *faultWorld) journal(t *testing.T) (keys []string) {
	t.Helper()
	for since := int64(0); ; {
		var page struct {
			Mutations []struct {
				Seq int64
				Key string `json:"entity_key"`
			}
			More bool `json:"has_more"`
		}
		w.decode(t, fmt.Sprintf("/sync/mutations/pull?since_seq=%d&limit=100", since), &page)
		for _, m := range page.Mutations {
			keys, since = append(keys, m.Key), m.Seq
		}
		if !page.More {
			return keys
		}
	}
}

func (b *bench) layChunks() {
	ids := slices.Sorted(maps.Keys(b.world.seeds.chunks))
	for _, id := range ids {
		if err := writeChunkFile(b.path(".engram/chunks/"+id+".jsonl.gz"), []byte(b.world.seeds.chunks[id])); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := storeManifest(b.path(".engram"), ids); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) layRows() {
	if err := os.WriteFile(b.path("rows.jsonl"), []byte(strings.Join(b.world.seeds.rows, "\n")+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) checkPushed() (wrong []string) {
	if got := b.world.stored(b.t); !maps.Equal(got, b.world.seeds.chunks) {
		wrong = append(wrong, fmt.Sprintf("the server has %.900q", got))
	}
	for id, n := range b.world.accepted {
		if n != 1 {
			wrong = append(wrong, fmt.Sprintf("%s was taken %d times", id, n))
		}
	}
	return append(wrong, b.checkPulled()...) // what is here is as it was
}

func (b *bench) checkPulled() (wrong []string) {
	if got := contentsOf(b.t, b.path(".engram")); !maps.Equal(got, b.world.seeds.chunks) {
		wrong = append(wrong, fmt.Sprintf("here are %v", slices.Sorted(maps.Keys(got))))
	}
	if ids := listed(b.t, b.path(".engram")); len(ids) != len(b.world.seeds.chunks) {
		wrong = append(wrong, fmt.Sprintf("the manifest lists %v", ids))
	}
	return wrong
}

// keysOf are the keys of mutations, one a line.
func keysOf(t *testing.T, text []byte) (keys []string) {
	t.Helper()
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var row struct {
			Key string `json:"entity_key"`
		}
		if err := dec.Decode(&row); err == io.EOF {
			return keys
		} else if err != nil {
			t.Errorf("%v in %q", err, text)
			return keys
		}
		keys = append(keys, row.Key)
	}
}

func (b *bench) checkJournal() (wrong []string) {
	want := keysOf(b.t, []byte(strings.Join(b.world.seeds.rows, "\n")))
	if got := b.world.journal(b.t); !slices.Equal(got, want) {
		wrong = append(wrong, fmt.Sprintf("the journal has %d rows: %v", len(got), got))
	}
	return wrong
}

func (b *bench) checkOutput() (wrong []string) {
	text, err := os.ReadFile(b.path("out.jsonl"))
	if err != nil {
		return []string{err.Error()}
	}
	want := b.world.journal(b.t) // a project server has the rows of chunks there too
	if got := keysOf(b.t, text); !slices.Equal(got, want) {
		wrong = append(wrong, fmt.Sprintf("the file has %d rows: %v", len(got), got))
	}
	return wrong
}
