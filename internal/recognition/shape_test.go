package recognition_test

import (
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/recognition"
)

const shaped = `{"sessions":[{"id":"s","project":"p","directory":"/w","started_at":"2026-01-01 10:00:00"}],` +
	`"observations":[{"id":1,"sync_id":"o","session_id":"s","title":"T","content":"secret","revision_count":1,"created_at":"2026-01-01 10:00:00","updated_at":"2026-01-01 10:00:00"},` +
	`{"id":2,"session_id":"s","content":"nameless"}],"prompts":[{"id":1,"sync_id":"q","session_id":"s","content":"why?"}],` +
	`"mutations":[{"entity":"relation","entity_key":"r","op":"upsert","payload":"{\"reason\":\"secret\"}","occurred_at":"2026-01-01 10:00:00"}]}`

// A redaction changes what rows say, and nothing that an edit changes as well.
func TestWhatRetells(t *testing.T) {
	shapeOf := func(text string) recognition.Shape {
		t.Helper()
		s, err := recognition.ReadShape(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	was := shapeOf(shaped)
	for _, tt := range []struct {
		story, from, to string
		want            bool
	}{
		{"nothing changed", "x", "x", false},
		{"a content", `"content":"secret"`, `"content":"***"`, true},
		{"a directory", `"/w"`, `""`, true},
		{"a prompt", `why?`, ``, true},
		{"a payload", `\"secret\"`, `\"\"`, true},
		{"a row without a name", `nameless`, `***`, true},
		{"another spelling of the project", `"project":"p"`, `"project":"P"`, false},
		{"an edit that counts", `"content":"secret","revision_count":1`, `"content":"new","revision_count":2`, false},
		{"an edit at another time", `"content":"secret","revision_count":1,"created_at":"2026-01-01 10:00:00","updated_at":"2026-01-01 10:00:00"`,
			`"content":"new","revision_count":1,"created_at":"2026-01-01 10:00:00","updated_at":"2026-01-01 11:00:00"`, false},
		{"another row", `"sync_id":"o"`, `"sync_id":"p"`, false},
		{"one row less", `"prompts":[{"id":1,"sync_id":"q","session_id":"s","content":"why?"}]`, `"prompts":null`, false},
		{"another order", `{"id":1,"sync_id":"o"`, `{"sync_id":"o","id":1`, false},
	} {
		if got := shapeOf(strings.Replace(shaped, tt.from, tt.to, 1)).Retells(was); got != tt.want {
			t.Errorf("%s: %v", tt.story, got)
		}
	}
	if empty := shapeOf(`{"sessions":[]}`); empty.Retells(empty) {
		t.Error("nothing retells nothing")
	}
	for _, text := range []string{``, `{"sessions":7}`, `{"sessions":[7]}`} {
		if s, err := recognition.ReadShape(strings.NewReader(text)); err == nil {
			t.Errorf("%q has the shape %+v", text, s)
		}
	}
}
