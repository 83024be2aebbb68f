package recognition_test

import (
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/recognition"
)

// sign gives the signature of a row, where these members have other values, or none
// for "-".
func sign(t *testing.T, list, members string, filled ...string) recognition.Signature {
	t.Helper()
	row := map[string]string{
		"sessions":     `{"id":"s-1","project":"p","directory":"/w","started_at":"2026-11-22 09:00:00"` + members + `}`,
		"observations": `{"id":7,"sync_id":"o-1","session_id":"s-1","revision_count":1,"updated_at":"2026-11-22 09:00:00"` + members + `}`,
		"prompts":      `{"id":7,"sync_id":"p-1","session_id":"s-1","content":"C"` + members + `}`,
		"mutations":    `{"entity":"session","op":"upsert","entity_key":"s-1","payload":` + members + `}`,
	}[list]
	v, ok := recognition.Sign(list, []byte(row), filled...)
	if !ok {
		t.Fatalf("no signature for %s", row)
	}
	return v
}

// What is there in another form is not sent again, and what differs is.
func TestRowsThatAreThere(t *testing.T) {
	const (
		title  = `,"title":"T"`
		edited = `,"content":"edited"`
		whole  = `,"type":"note","scope":"project","content":"C"`
	)
	for _, c := range []struct {
		story, list, here, there string
		filled                   string
		want                     bool
	}{
		{"the same", "observations", whole + title, whole + title, "", true},
		{"the other one's integer id", "observations", whole + title, strings.Replace(whole+title, `,`, `,"id":9,`, 1), "", true},
		{"another rule's title", "observations", whole + title, whole + `,"title":"another"`, "title", true},
		{"another rule's title and type", "observations", whole + title, `,"type":"other","scope":"project","content":"C","title":"another"`, "title type", true},
		{"a title, and another", "observations", whole + title, whole + `,"title":"another"`, "", false},
		{"two edits, this one mended", "observations", whole + edited + title, whole + title, "title", false},
		{"two edits, this one mended, and another type", "observations", whole + title, `,"type":"other","scope":"project","content":"C","title":"another"`, "title", false},
		{"an older edit, mended", "observations", whole + edited + title, whole + `,"title":"another","revision_count":2`, "title", true},
		{"a newer edit, mended", "observations", whole + edited + title + `,"revision_count":2`, whole + title, "title", false},
		{"saved once more", "observations", whole + title + `,"duplicate_count":2,"updated_at":"2026-11-23 09:00:00"`, whole + title, "", true},
		{"lost a review date on the way", "observations", whole + title, whole + title + `,"review_after":"2027-01-01"`, "", true},
		{"lost it, and was saved once more", "observations", whole + title + `,"updated_at":"2026-11-23 09:00:00"`, whole + title + `,"review_after":"2027-01-01"`, "", true},
		{"has a review date that is lost there", "observations", whole + title + `,"review_after":"2027-01-01"`, whole + title, "", false},
		{"another review date", "observations", whole + title + `,"review_after":"2027-01-01"`, whole + title + `,"review_after":"2028-01-01"`, "", false},
		{"has a member that nobody knows", "observations", whole + title + `,"mood":3`, whole + title, "", false},
		{"lost a member that nobody knows", "observations", whole + title, whole + title + `,"mood":3`, "", true},
		{"a session before it ended", "sessions", ``, `,"summary":"S"`, "", true},
		{"a session that was summed up", "sessions", `,"summary":"S"`, ``, "", false},
		{"a session that lost its owner", "sessions", ``, `,"ownership_mode":"project_owned"`, "", true},
		{"a session that has an owner", "sessions", `,"ownership_mode":"project_owned"`, ``, "", false},
		{"a prompt that lost where it came from", "prompts", ``, `,"source_inbox_id":"i-1"`, "", true},
		{"a mutation as an older server keeps it", "mutations", `"{\"id\":\"s-1\",\"ownership_mode\":\"shared\"}"`, `"{\"id\":\"s-1\"}"`, "", true},
		{"a mutation as a newer one does", "mutations", `"{\"id\":\"s-1\"}"`, `"{\"ownership_mode\":\"shared\",\"id\":\"s-1\"}","disposition":""`, "", true},
		{"another mutation", "mutations", `"{\"id\":\"s-1\"}"`, `"{\"id\":\"s-1\",\"summary\":\"S\"}"`, "", false},
	} {
		t.Run(c.story, func(t *testing.T) {
			var there recognition.RowSet
			there.Add([]recognition.Signature{sign(t, c.list, c.there)})
			if got := there.Has(sign(t, c.list, c.here, strings.Fields(c.filled)...)); got != c.want {
				t.Errorf("is it there? %t", got)
			}
		})
	}
}

// A chunk of the remote with our rows, where it says what we leave blank, is all here;
// but not if somebody wrote it there later.
func TestUnfilledRowsThatAreHere(t *testing.T) {
	const whole = `,"type":"note","scope":"project","content":"C"`
	here := recognition.RowSet{Unfilled: true}
	here.Add([]recognition.Signature{sign(t, "observations", whole+`,"title":""`)})
	for there, want := range map[string]bool{
		whole + `,"title":"another rule's"`:                    true,
		whole + `,"title":"somebody's","revision_count":2`:     false,
		whole + `,"title":"T","review_after":"2027-01-01"`:     false,
		whole + `,"content":"edited","title":"another rule's"`: false,
	} {
		if got := here.Has(sign(t, "observations", there)); got != want {
			t.Errorf("%s: is it here? %t", there, got)
		}
	}
}
