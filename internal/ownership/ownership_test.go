package ownership_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/ownership"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// A chunk belongs to a project if all its rows do, by themselves or by their sessions.
func TestChunksBelong(t *testing.T) {
	elsewhere := map[string]string{"far": "shop", "alien": "other"}
	for _, c := range []struct {
		name, chunk string
		want        bool
	}{
		{"all rows name it", `{"sessions":[{"id":"a","project":"shop"}],"observations":[{"session_id":"a","project":"SHOP "}],"prompts":null}`, true},
		{"the session names it, and comes last", `{"observations":[{"session_id":"a"}],"prompts":[{"session_id":"a","project":""}],"sessions":[{"id":"a","project":"shop"}]}`, true},
		{"the session is in another chunk", `{"prompts":[{"session_id":"far"}]}`, true},
		{"nobody names a row beside others", `{"prompts":[{"session_id":"gone"},{"session_id":"x","project":"shop"}]}`, true},
		{"one row is another's", `{"sessions":[{"id":"a","project":"shop"}],"observations":[{"session_id":"a","project":"other"}]}`, false},
		{"one session is another's", `{"sessions":[{"id":"a","project":"shop"},{"id":"b","project":"other"}]}`, false},
		{"the session in another chunk is another's", `{"prompts":[{"session_id":"alien"},{"session_id":"far"}]}`, false},
		{"nobody names any row", `{"prompts":[{"session_id":"gone"}]}`, false},
		{"no rows", `{"sessions":null,"observations":null,"prompts":null}`, false},
		{"a change of it", `{"mutations":[{"entity":"observation","entity_key":"o","op":"delete","payload":{"project":"shop"}}]}`, true},
		{"a change of another, in engram's string of JSON", `{"mutations":[{"entity":"prompt","entity_key":"p","op":"upsert","payload":"{\"project\":\"other\"}"},{"entity":"session","entity_key":"s","op":"upsert","payload":{"project":"shop"}}]}`, false},
		{"a change of what a session in it names", `{"mutations":[{"entity":"session","entity_key":"s","op":"upsert","payload":{"project":"other"}},{"entity":"prompt","entity_key":"p","op":"upsert","payload":{"session_id":"s"}}]}`, false},
		{"a list in other letters", `{"Prompts":[{"session_id":"a","project":"other"}],"sessions":[{"id":"a","project":"shop"}]}`, false},
	} {
		p, err := ownership.Read(strings.NewReader(c.chunk))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := p.Belongs("shop", func(id string) string { return elsewhere[id] }); got != c.want {
			t.Errorf("%s: belongs %t, want %t (%+v)", c.name, got, c.want, p)
		}
	}
}

// What a mutation says of a session counts, wherever the lists stand.
func TestAMutationHasTheLastWord(t *testing.T) {
	const row, change = `"sessions":[{"id":"s","project":"old"}]`, `"mutations":[{"entity":"session","entity_key":"s","op":"upsert","payload":{"project":"new"}}]`
	for _, chunk := range []string{"{" + row + "," + change + "}", "{" + change + "," + row + "}"} {
		if p, err := ownership.Read(strings.NewReader(chunk)); err != nil || p.Sessions["s"] != "new" {
			t.Errorf("%s: %+v, %v", chunk, p, err)
		}
	}
}

// A chunk of a thousand projects takes no memory, is still nobody's, and does not seem to tell all of them.
func TestProjectsAreBounded(t *testing.T) {
	row := strings.Repeat(`{"session_id":"a","project":"p"},`, 3)
	for i := range 1000 {
		row += `{"session_id":"a","project":"p` + strconv.Itoa(i) + `"},`
	}
	p, err := ownership.Read(strings.NewReader(`{"prompts":[` + strings.TrimSuffix(row, ",") + `]}`))
	if err != nil || len(p.Names) > 256 || p.Belongs("p", func(string) string { return "" }) {
		t.Errorf("%v %v", len(p.Names), err)
	}
	if s, _ := p.Subject(0, func(string) string { return "" }); !s.NoProject {
		t.Error("its projects seem to be all told")
	}
}

// FuzzRead: the projects of a chunk are those that encoding/json finds in it.
func FuzzRead(f *testing.F) {
	for _, chunk := range []string{
		fixtures.LaterChunk, `{"Prompts":[{"session_id":"a","project":"other"}],"sessions":[{"id":"a","project":"SHOP "}]}`,
		`{"mutations":[{"entity":"prompt","entity_key":"p","op":"upsert","payload":"{\"project\":\"other\"}"}],"observations":null}`,
		`{"sessions":[{"id":5}]}`, `{"prompts":{}}`, `{"x":[{"sessions":1}]}`,
	} {
		f.Add([]byte(chunk))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ownership.Read(bytes.NewReader(text))
		members, bad := jsonscan.Split(text, jsonscan.Object, 0)
		seen := map[string]bool{}
		for _, m := range members {
			seen[strings.ToLower(strings.ToUpper(m.Name))] = true
		}
		if bad != nil || len(seen) < len(members) {
			return // encoding/json keeps rows of the first of two lists
		}
		type row struct{ Project *string }
		var rows struct {
			Sessions []struct {
				ID string
				row
			}
			Observations, Prompts []struct {
				SessionID string `json:"session_id"`
				row
			}
			Mutations []engram.MutationEntry
		}
		if wrong := json.Unmarshal(text, &rows); (wrong != nil) != (err != nil) {
			t.Fatalf("%s: %v, and encoding/json says %v", text, err, wrong)
		}
		names := map[string]bool{"": true}
		for _, r := range rows.Sessions {
			names[engram.NormalizeProject(engram.Text(r.Project))] = true
		}
		for _, r := range append(rows.Observations, rows.Prompts...) {
			names[engram.NormalizeProject(engram.Text(r.Project))] = true
		}
		for _, m := range rows.Mutations {
			names[engram.NormalizeProject(m.Scope().Project)] = true
		}
		if want := slices.Sorted(maps.Keys(names))[1:]; err == nil && !slices.Equal(got.Names, want[:min(len(want), 256)]) {
			t.Errorf("%s: got %q, want %q", text, got.Names, want)
		}
	})
}

// Who copies a chunk hears at its end whose it is, or that it does not come.
func TestAChunkIsJudgedWhileItIsCopied(t *testing.T) {
	const text = `{"sessions":[{"id":"s","project":"shop"}],"observations":[{"session_id":"s"}]}`
	stays := errors.New("it stays")
	for project, want := range map[string]error{"shop": nil, "other": stays} {
		r := ownership.Judged(strings.NewReader(text), func(p ownership.Projects) error {
			if p.Belongs(project, func(string) string { return "" }) {
				return nil
			}
			return stays
		})
		if got, err := io.ReadAll(r); string(got) != text || !errors.Is(err, want) || r.Close() != nil {
			t.Errorf("%s: %q, %v, want %v", project, got, err, want)
		}
	}
}
