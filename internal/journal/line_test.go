package journal_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// TestAppendLine leaves payloads as they are, and keeps each row on one line.
func TestAppendLine(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"b":1.50,"a":"\u003c/\u00e9", "n":1e2}`: `{"b":1.50,"a":"\u003c/\u00e9", "n":1e2}`,
		"{\n\t\"a\": 1,\r\n \"b\": \"x y\"\n}":    `{"a":1,"b":"x y"}`,
		`"{\"a\":1}"`:                             `"{\"a\":1}"`,
		`null`:                                    `null`,
		``:                                        `null`,
	} {
		row := engram.PullMutationResult{Seq: 1, Project: "p", Entity: "e", EntityKey: "k", Op: "o", Payload: json.RawMessage(payload), OccurredAt: "t"}
		line := string(journal.AppendLine([]byte("x"), row))
		if full := `x{"seq":1,"project":"p","entity":"e","entity_key":"k","op":"o","payload":` + want + `,"occurred_at":"t"}` + "\n"; line != full {
			t.Errorf("got  %q\nwant %q", line, full)
		}
	}
}

// FuzzAppendLine comes back as the same row, whatever the texts hold.
func FuzzAppendLine(f *testing.F) {
	f.Add("\x80\xf7\x91", "0", "", "0")
	f.Add("e", "k\"\\\n\x00\x7f", "<&>\u2028\u202e", "\xff")
	f.Fuzz(func(t *testing.T, entity, key, op, user string) {
		valid := func(s string) string { return string([]rune(s)) } // each bad byte by itself, as encoding/json does
		row := engram.PullMutationResult{Seq: 7, UserID: user, Entity: entity, EntityKey: key, Op: op, Payload: json.RawMessage(`{"a":[1]}`)}
		line := journal.AppendLine(nil, row)
		if n := strings.Count(string(line), "\n"); n != 1 || line[len(line)-1] != '\n' {
			t.Fatalf("%d line breaks in %q", n, line)
		}
		var got engram.PullMutationResult
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		want := row
		want.UserID, want.Entity, want.EntityKey, want.Op = valid(user), valid(entity), valid(key), valid(op)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
