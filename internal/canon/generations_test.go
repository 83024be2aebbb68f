package canon_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

const (
	timeT = "2026-10-01 10:00:00.000000001"
	timeD = "2026-10-02 10:00:00.000000001"

	e1 = `{"sessions":[{"id":"manual-save-demo","project":"demo","ownership_mode":"project_owned","directory":"/w/demo","started_at":"T"}],` +
		`"observations":[` + e1Row1 + `,` + e1Row2 + `],"prompts":null}`
	e1Row1 = `{"id":1,"sync_id":"obs-a1","session_id":"manual-save-demo","type":"decision","title":"t obs-a1","content":"c obs-a1",` +
		`"project":"demo","scope":"project","revision_count":1,"duplicate_count":1,"created_at":"T","updated_at":"T"}`
	e1Row2 = `{"id":1,"sync_id":"obs-a2","session_id":"manual-save-demo","type":"decision","title":"t obs-a2","content":"c obs-a2",` +
		`"project":"demo","scope":"project","revision_count":1,"duplicate_count":1,"created_at":"T","updated_at":"T"}`
	e2 = `{"sync_id":"obs-a1","session_id":"manual-save-demo","type":"","title":"","content":"","project":"demo","scope":"","deleted":true,"deleted_at":"D","hard_delete":true}`
	e3 = `{"sync_id":"prompt-a1","session_id":"manual-save-demo","content":"","project":"demo","deleted":true,"deleted_at":"D","hard_delete":true}`
	e4 = `{"sync_id":"rel-1","source_id":"obs-a1","target_id":"obs-a2","relation":"supersedes","judgment_status":"judged","marked_by_actor":"me","marked_by_kind":"human","project":"demo","created_at":"T","updated_at":"T"}`
)

// alone is a chunk of one mutation. Where the page says T and D, it means these
// times; E1's rows all have the id 1, and what E4 and the sessions leave out is
// that they occurred at D. Section 10 has its sessions in a chunk of empty lists,
// where engram writes null.
func alone(lists, entity, key, op, payload, disposition string) string {
	text, _ := json.Marshal(times(payload)) // a string
	return times(`{"sessions":` + lists + `,"observations":` + lists + `,"prompts":` + lists + `,"mutations":[{"seq":0,"target_key":"","entity":"` + entity +
		`","entity_key":"` + key + `","op":"` + op + `","payload":` + string(text) + `,"source":"","project":"demo","occurred_at":"D","disposition":"` + disposition + `"}]}`)
}

func times(text string) string {
	return strings.NewReplacer(`"T"`, `"`+timeT+`"`, `"D"`, `"`+timeD+`"`).Replace(text)
}

// TestIDsOfGenerations: "" is a chunk that the servers of a generation refuse.
// Source: engram-2.md 4.4 and 8, and 10 for the sessions.
func TestIDsOfGenerations(t *testing.T) {
	owned := func(members string) string {
		return `{"id":"manual-save-demo","project":"demo","ownership_mode":"project_owned",` + members + `}`
	}
	row := func(lists, entity, key, op, payload string) func(string) string {
		return func(disposition string) string { return alone(lists, entity, key, op, payload, disposition) }
	}
	for _, tc := range []struct {
		name                                    string
		chunk                                   func(disposition string) string
		local, gen1, gen2, gen3, pending, plain string
	}{
		{"E1 rows with an owned session", func(string) string { return times(e1) },
			"46a792c8", "53bb9826", "53bb9826", "53bb9826", "53bb9826", "53bb9826"},
		{"E2 observation hard delete", row("null", "observation", "obs-a1", "delete", e2),
			"857d752a", "f97c2b94", "ee9c68f5", "ee9c68f5", "1921730f", "ee9c68f5"},
		{"E3 prompt delete", row("null", "prompt", "prompt-a1", "delete", e3),
			"5be2ff6a", "93ed8a98", "079a3a9f", "079a3a9f", "02fad3ed", "079a3a9f"},
		{"E4 relation", row("null", "relation", "rel-1", "upsert", e4),
			"bdebe6f9", "bd6a6679", "b017edb5", "b017edb5", "e73dc638", "b017edb5"},
		{"session", row("[]", "session", "manual-save-demo", "upsert", owned(`"directory":"/w/demo","started_at":"T"`)),
			"26940f5d", "9e6883c8", "9c5d36e6", "9c5d36e6", "", ""},
		{"session without a directory", row("[]", "session", "manual-save-demo", "upsert", owned(`"started_at":"T"`)),
			"472552f9", "", "", "01d7929c", "", ""},
		{"session delete", row("[]", "session", "manual-save-demo", "delete", owned(`"deleted":true,"deleted_at":"D","hard_delete":true`)),
			"344096bb", "e571ed90", "e3960e85", "e3960e85", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := idOf([]byte(tc.chunk(""))); got != tc.local {
				t.Errorf("the document is not that of the page: %s, want %s", got, tc.local)
			}
			is := func(f *canon.Form, disposition, want string) {
				t.Helper()
				text, err := f.Canonical([]byte(tc.chunk(disposition)), "demo")
				if got := idOf(text); err == nil && got != want || err != nil && want != "" {
					t.Errorf("%v with %q: %s, %v, want %s", f, disposition, got, err, want)
				}
			}
			is(canon.Of(engram.Gen1), "", tc.gen1)
			is(canon.Of(engram.Gen2), "", tc.gen2)
			is(canon.Of(engram.Gen3), "", tc.gen3)
			if tc.pending == "" {
				return
			}
			is(canon.Of(engram.Gen1), "pending", tc.gen1)
			is(canon.Of(engram.Gen3), "pending", tc.pending)
			is(canon.Known()[2], "pending", tc.plain)
		})
	}
}

// TestDirectoriesOfGenerations: a session of a project may go without one from 3.x
// on; null and numbers never pass. Source: engram-2.md 4.3, 10.
func TestDirectoriesOfGenerations(t *testing.T) {
	for member, passes := range map[string]engram.Generation{
		``: engram.Gen3, `,"directory":""`: engram.Gen3, `,"directory":" "`: engram.Gen3, `,"Directory":""`: engram.Gen3,
		`,"directory":"/w"`: engram.Gen1, `,"directory":null`: 99, `,"directory":5`: 99,
	} {
		for _, ownership := range []string{engram.ProjectOwned, "shared"} {
			row := `{"id":"s","ownership_mode":"` + ownership + `"` + member + `}`
			payload, _ := json.Marshal(row) // a string
			for _, data := range []string{
				`{"sessions":[` + row + `]}`, `{"mutations":[{"entity":"session","op":"upsert","payload":` + string(payload) + `}]}`,
			} {
				for g := engram.Gen1; g <= engram.Gen3; g++ {
					want := g >= passes && (ownership == engram.ProjectOwned || passes == engram.Gen1)
					problems, err := canon.Of(g).Validate([]byte(data), "p", noSession)
					if err != nil || (len(problems) == 0) != want {
						t.Errorf("%v: %s: %v, %v", g, data, problems, err)
					}
				}
			}
		}
	}
}

// TestMembersThatOneFormKnows may hold anything for the others.
func TestMembersThatOneFormKnows(t *testing.T) {
	newest := canon.Known()[3]
	row := func(members string) string {
		return `{"mutations":[{"entity":"session","op":"delete","payload":"{\"id\":\"s\"}"` + members + `}]}`
	}
	for _, tc := range []struct {
		form       *canon.Form
		data, want string
	}{
		{canon.Of(engram.Gen2), row(`,"disposition":null,"disposition_reason":"","disposition_evidence":null,"Disposition_At":"x"`), `"disposition":"","disposition_at":"x","disposition_reason":"",`},
		{canon.Of(engram.Gen1), row(`,"disposition":5`), `"mutations":[{"entity":`},
		{canon.Of(engram.Gen1), chunkWith(t, "session", "delete", `{"id":"s","ownership_mode":5}`), `{\"id\":\"s\",\"project\":\"p\"}`},
		{canon.Of(engram.Gen2), chunkWith(t, "session", "delete", `{"id":"s","ownership_mode":"\u0073hared"}`), `\"project\":\"p\",\"ownership_mode\":\"shared\"}`},
		{canon.Of(engram.Gen3), chunkWith(t, "observation", "delete", `{"sync_id":"o","review_after":5}`), `\"scope\":\"\"}`},
		{newest, chunkWith(t, "observation", "delete", `{"sync_id":"o","review_after":null}`), `\"review_after\":null}`},
	} {
		if got, err := tc.form.Canonical([]byte(tc.data), "p"); err != nil || !strings.Contains(string(got), tc.want) {
			t.Errorf("%v: %s, %v\nwant %s", tc.form, got, err, tc.want)
		}
	}
	for _, data := range []string{row(`,"disposition":5`), chunkWith(t, "session", "delete", `{"id":"s","ownership_mode":5}`)} {
		if got, err := canon.Of(engram.Gen2).Canonical([]byte(data), "p"); err == nil {
			t.Errorf("%s became %s", data, got)
		}
	}
	composed, decomposed := "caf\u00e9", "cafe\u0301"
	for _, f := range canon.Known() {
		a, errA := f.Canonical([]byte(`{"prompts":[{}]}`), composed)
		b, errB := f.Canonical([]byte(`{"prompts":[{}]}`), decomposed)
		if errA != nil || errB != nil || (string(a) == string(b)) != (f == newest) {
			t.Errorf("%v: %s, %s, %v, %v", f, a, b, errA, errB)
		}
	}
}

// TestAPulledBodyIsTriedInEachForm: one that a server has put into another form since,
// or that it gives out as it came, fits its id all the same. Source: engram-2.md 4.4.
func TestAPulledBodyIsTriedInEachForm(t *testing.T) {
	as := func(f *canon.Form, data string) string {
		text, err := f.Canonical([]byte(data), "demo")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	pushed := alone("null", "relation", "rel-1", "upsert", e4, "pending")
	old, current := as(canon.Of(engram.Gen1), pushed), as(canon.Of(engram.Gen3), pushed)
	for name, tc := range map[string]struct{ body, stored string }{
		"as it was stored":          {current, current},
		"from before an upgrade":    {old, old},
		"in a newer form than then": {current, old},
		"as it came":                {pushed, current},
	} {
		fits := func(text []byte) bool { return idOf(text) == idOf([]byte(tc.stored)) }
		if got, err := canon.Pulled([]byte(tc.body), "demo", fits); err != nil || string(got) != tc.stored {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	damaged := strings.Replace(current, "supersedes", "conflicts_with", 1)
	if got, err := canon.Pulled([]byte(damaged), "demo", func([]byte) bool { return false }); err != nil || string(got) != damaged {
		t.Errorf("what fits nothing became %s, %v", got, err)
	}
}
