package projection_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// What goes to a project server has all members of its rows, and all lists, whoever
// knows them: also of a row that is mended. The server keeps them in this order.
func TestMembersThatNobodyKnowsGoToTheServer(t *testing.T) {
	const want = `{"observation_versions":[{"sync_id":"obs-1","title":"before","x":1.5}],` +
		`"observations":[{"content":"first line\nmore","created_at":"2026-10-01 10:00:00.000000002","duplicate_count":1,"id":1,"project":"shop","review_after":"2027-10-01 10:00:00","revision_count":1,"scope":"project","session_id":"manual-save-shop","sync_id":"obs-1","title":"first line","type":"decision","updated_at":"2026-10-01 10:00:00.000000002","x_future":"é"}],` +
		`"prompts":[{"content":"p","created_at":"2026-10-01 10:00:00.000000003","id":1,"project":"shop","session_id":"manual-save-shop","source_inbox_id":"in-1","sync_id":"prompt-1","x_future":true}],` +
		`"sessions":[{"directory":"/w/shop","id":"manual-save-shop","ownership_mode":"project_owned","project":"shop","started_at":"2026-10-01 10:00:00.000000001","x_future":{"a":"\u003c","b":[1,null]}}],` +
		`"x_future":{"a":[],"b":1}}`
	d := newDirectory("{" + fixtures.LaterRows + "," + fixtures.LaterLists + "}")
	chunks, p := d.project(t, projection.Options{Project: "shop"}, t.TempDir())
	if len(chunks[0].Parts) != 1 {
		t.Fatalf("it becomes %+v", chunks[0])
	}
	if diff := cmp.Diff(want, d.part(t, p, d.ids[0], chunks[0].Parts[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// The same where something stays here.
	d = newDirectory("{" + strings.Replace(fixtures.LaterRows, `"scope":"project"`, `"scope":"personal"`, 1) + "," + fixtures.LaterLists + "}")
	chunks, p = d.project(t, projection.Options{Project: "shop"}, t.TempDir())
	if chunks[0].Personal != 1 || len(chunks[0].Parts) != 1 {
		t.Fatalf("it becomes %+v", chunks[0])
	}
	text := d.part(t, p, d.ids[0], chunks[0].Parts[0])
	for _, member := range []string{`"ownership_mode":"project_owned"`, `"source_inbox_id":"in-1"`, `"observation_versions":[{`, `,"x_future":{"a":[],"b":1}}`} {
		if !strings.Contains(text, member) {
			t.Errorf("%s is not in %s", member, text)
		}
	}
}

// Of mutations the server keeps what it knows, and from 2.x on that is also what
// became of them, and who owns a session. Source: engram-2.md 4.4.
func TestLaterMembersOfMutationsGoToLaterServers(t *testing.T) {
	text := strings.TrimSuffix(fixtures.LaterChunk, "}]"+","+fixtures.LaterLists+"}") +
		`},{"entity":"session","entity_key":"manual-save-shop","op":"upsert","payload":"{\"id\":\"manual-save-shop\",\"ownership_mode\":\"project_owned\",\"directory\":\"/w/shop\"}","disposition":""}],` + fixtures.LaterLists + "}"
	for generation, kept := range map[engram.Generation]bool{engram.Gen1: false, engram.Gen2: true, engram.Gen3: true} {
		d := newDirectory(text)
		chunks, p := d.project(t, projection.Options{Project: "shop", Generation: generation}, t.TempDir())
		if len(chunks[0].Parts) != 1 || len(chunks[0].LeftOut) > 0 {
			t.Fatalf("%v: it becomes %+v", generation, chunks[0])
		}
		part := d.part(t, p, d.ids[0], chunks[0].Parts[0])
		for _, member := range []string{
			`"disposition":"pending","disposition_at":"2026-10-02 10:00:01","disposition_evidence":"e","disposition_reason":"r"`,
			`\"ownership_mode\":\"project_owned\"`,
		} {
			if strings.Contains(part, member) != kept {
				t.Errorf("%v: %s: want it there: %t, in %s", generation, member, kept, part)
			}
		}
		for _, member := range []string{`"source_inbox_id":"in-1"`, `"observation_versions":[{`, `"ownership_mode":"project_owned"`, `\"deleted_at\":\"2026-10-02 10:00:00.000000001\"`} {
			if !strings.Contains(part, member) {
				t.Errorf("%v: no %s in %s", generation, member, part)
			}
		}
	}
}
