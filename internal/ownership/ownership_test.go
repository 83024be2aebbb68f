package ownership_test

import (
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/ownership"
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

// A chunk of a thousand projects takes no memory, and is still nobody's.
func TestProjectsAreBounded(t *testing.T) {
	row := strings.Repeat(`{"session_id":"a","project":"p"},`, 3)
	for i := range 1000 {
		row += `{"session_id":"a","project":"p` + strings.Repeat("x", i%50) + `"},`
	}
	p, err := ownership.Read(strings.NewReader(`{"prompts":[` + strings.TrimSuffix(row, ",") + `]}`))
	if err != nil || len(p.Names) > 16 || p.Belongs("p", func(string) string { return "" }) {
		t.Errorf("%v %v", len(p.Names), err)
	}
}
