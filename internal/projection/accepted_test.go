package projection_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// maker makes chunks as they are found, and worse: rows of several projects, some
// without one; personal ones; sessions that are in another chunk, blank or
// nowhere; lists and members in odd spellings.
type maker struct {
	*rand.Rand
	chunks, rows int  // so far
	plain        bool // nearly all is of one project, and stands for itself
}

func (m *maker) isPlain() bool { return m.plain && m.IntN(40) > 0 }

// of picks one of several texts.
func (m *maker) of(texts ...string) string { return texts[m.IntN(len(texts))] }

// session is one of this chunk or of an earlier one: rows never belong to one
// that begins after them.
func (m *maker) session() string {
	if m.isPlain() {
		return fmt.Sprint("s", 2*m.chunks)
	}
	return fmt.Sprint("s", m.IntN(2*m.chunks+2))
}

func (m *maker) ownSession() string { return fmt.Sprint("s", 2*m.chunks+m.IntN(2)) }

func (m *maker) project() string {
	if m.isPlain() {
		return `,"project":"alpha"`
	}
	return m.of(`,"project":"alpha"`, `,"project":" ALPHA "`, `,"project":"beta"`, `,"Project":"beta"`, `,"project":""`, ``, `,"project":null`)
}

func (m *maker) sessionRow() string {
	if m.isPlain() {
		return fmt.Sprintf(`{"id":"s%d","directory":"/w","project":"alpha"}`, 2*m.chunks)
	}
	return `{"id":"` + m.ownSession() + `"` + m.of(`,"directory":"/w"`, `,"directory":"/w"`, `,"directory":"/w"`, `,"directory":""`, ``, `,"directory":null`) +
		m.of(``, ``, `,"ownership_mode":"shared"`, `,"ownership_mode":"project_owned"`) + m.project() + `}`
}

func (m *maker) members() string {
	m.rows++
	if m.isPlain() {
		return fmt.Sprintf(`"sync_id":"r%d","session_id":"%s","type":"note","title":"T","content":"C%d","project":"alpha","created_at":"2026-11-22 09:14:57"`, m.rows, m.session(), m.rows)
	}
	return fmt.Sprintf(`"sync_id":"r%d","session_id":"%s","type":"%s","title":"T","content":"C%d"`,
		m.rows, m.of(m.session(), m.session(), m.session(), "nowhere"), m.of("note", "note", "note", ""), m.rows) + m.project()
}

func (m *maker) observation() string {
	return `{` + m.members() + m.of(`,"scope":"project"`, `,"scope":"project"`, `,"scope":"personal"`, `,"Scope":" Personal","scope":null`) + `}`
}

func (m *maker) mutation() string {
	payload, entity := m.observation(), "observation"
	if m.IntN(3) == 0 {
		payload, entity = m.sessionRow(), "session"
	}
	text, _ := json.Marshal(payload)
	if m.IntN(3) == 0 {
		text, _ = json.Marshal(string(text))
	}
	return `{"entity":"` + entity + `","op":"upsert","payload":` + string(text) + m.project() + m.of(``, `,"disposition":"pending"`) + `}`
}

func (m *maker) list(name string, row func() string) string {
	rows := make([]string, m.IntN(4))
	for i := range rows {
		rows[i] = row()
	}
	return `"` + name + `":[` + strings.Join(rows, ",") + `]`
}

func (m *maker) chunk() string {
	lists := []string{m.list("sessions", m.sessionRow), m.list("observations", m.observation), m.list("prompts", m.observation)}
	if m.IntN(2) == 0 {
		lists = append(lists, m.list("mutations", m.mutation))
	}
	if m.IntN(4) == 0 {
		lists = append(lists, m.list(m.of("Observations", "promptſ", "SESSIONS"), m.observation))
	}
	return `{` + strings.Join(lists, ",") + m.of(``, `,"more":{"b":1.0,"a":[-0]}`) + `}`
}

// TestWhatIsProjectedIsAccepted pushes what random directories become to a
// project server, wave by wave: it takes all of it under the ids that were worked
// out, and nothing arrives that is personal or another project's.
func TestWhatIsProjectedIsAccepted(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	for seed := range uint64(100) {
		m := &maker{Rand: rand.New(rand.NewPCG(seed, 1))}
		d := newDirectory()
		for range 1 + m.IntN(8) {
			d.add(m.chunk())
			m.chunks++
		}
		opts := alpha
		opts.Strict = seed%2 == 0
		opts.Generation = engram.Gen1 + engram.Generation(seed%3)
		chunks, p := d.project(t, opts, t.TempDir())
		server := projectserver.New(projectserver.Options{Token: "secret", Projects: []string{"alpha"}, Release: releaseOf[opts.Generation]})
		pushAll(t, seed, d, p, chunks, server)
		for _, row := range server.Journal() {
			text := strings.ToLower(string(row.Payload))
			if strings.Contains(text, `"personal"`) || strings.Contains(text, `" personal"`) || strings.Contains(text, "beta") {
				t.Errorf("seed %d: %s arrived", seed, row.Payload)
			}
		}
		slices.Reverse(d.ids)
		again, _ := d.project(t, opts, t.TempDir())
		slices.Reverse(again)
		for i := range chunks {
			if !slices.Equal(partIDs(chunks[i]), partIDs(again[i])) {
				t.Errorf("seed %d: another order of the manifest makes other parts", seed)
			}
		}
	}
}

// releaseOf are servers of the generations.
var releaseOf = map[engram.Generation]projectserver.Release{
	engram.Gen1: projectserver.Release1161, engram.Gen2: projectserver.Release2, engram.Gen3: projectserver.Release3,
}

type sent struct {
	local engram.ChunkID
	part  recognition.Part
}

// inOrder puts what brings a session before what needs it; where parts need each other,
// one of them goes first.
func inOrder(all []sent) (ordered []sent) {
	waits := func(s sent) bool {
		return slices.ContainsFunc(s.part.Needs, func(session string) bool {
			brings := func(other sent) bool { return slices.Contains(other.part.Provides, session) }
			return slices.ContainsFunc(all, brings) && !slices.ContainsFunc(ordered, brings)
		})
	}
	for len(all) > 0 {
		at := max(0, slices.IndexFunc(all, func(s sent) bool { return !waits(s) }))
		ordered = append(ordered, all[at])
		all = slices.Delete(all, at, at+1)
	}
	return ordered
}

func pushAll(t *testing.T, seed uint64, d *directory, p *projection.Directory, chunks []recognition.Projection, server http.Handler) {
	t.Helper()
	var all []sent
	for i, c := range chunks {
		if c.Err != nil {
			t.Fatalf("seed %d: %v", seed, c.Err)
		}
		for _, part := range c.Parts {
			all = append(all, sent{d.ids[i], part})
		}
	}
	for _, s := range inOrder(all) {
		text := d.part(t, p, s.local, s.part)
		ours := strings.ReplaceAll(text, `"Project":"beta",`, "") // of a session of theirs that rows of ours need
		if strings.Contains(strings.ToLower(ours), "personal") || strings.Contains(ours, "beta") {
			t.Errorf("seed %d: %s would be sent", seed, text)
		}
		answer := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sync/push",
			bytes.NewReader([]byte(`{"project":"alpha","data":`+text+`}`)))
		request.Header.Set("Authorization", "Bearer secret")
		server.ServeHTTP(answer, request)
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), s.part.ID.String()) {
			t.Errorf("seed %d: %d %s for %s:\n%s", seed, answer.Code, answer.Body, s.part.ID, text)
		}
	}
}
