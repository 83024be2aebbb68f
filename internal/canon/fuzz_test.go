package canon_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// FuzzEncode compares with the standard library's own decoder and encoder,
// which is what the servers use.
func FuzzEncode(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Data))
	}
	f.Add([]byte("{\"\xff\":[1e21,-1e-7,5e-324,\"\xe2\x80\xa8\xe2\x80\"]}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := canon.Encode(body)
		if err != nil {
			return
		}
		var tree any
		if err := json.Unmarshal(body, &tree); err != nil {
			t.Fatalf("%q was accepted: %v", body, err)
		}
		want, err := json.Marshal(tree)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q:\n got %s\nwant %s, %v", body, got, want, err)
		}
		again, err := canon.Encode(got)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("again:\n got %s, %v\nwant %s", again, err, got)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Data), v.Project)
	}
	f.Add([]byte(alone("null", "session", "s", "upsert", `{"id":"s","ownership_mode":"project_owned","directory":null}`, "pending")), "cafe\u0301")
	f.Fuzz(func(t *testing.T, data []byte, project string) {
		for _, form := range append(canon.Known(), canon.Of(engram.Gen3)) {
			canonicalIn(t, form, data, project)
		}
	})
}

func canonicalIn(t *testing.T, form *canon.Form, data []byte, project string) {
	got, err := form.Canonical(data, project)
	if err != nil {
		return
	}
	if encoded, err := canon.Encode(got); err != nil || !bytes.Equal(encoded, got) {
		t.Errorf("%v: encoded: %s, %v, want %s", form, encoded, err, got)
	}
	// Names in another case are exact after the first time, and count then (A7).
	second := mustCanonical(t, form, got, project)
	if third := mustCanonical(t, form, second, project); !bytes.Equal(third, second) {
		t.Errorf("%v: third %s, want %s", form, third, second)
	}
	sent, err := form.ForPush(data, project)
	if err != nil {
		t.Fatalf("%v: for a push: %v", form, err)
	}
	if stored := mustCanonical(t, form, sent, project); !bytes.Equal(stored, sent) {
		t.Errorf("%v: sent %s, stored %s", form, sent, stored)
	}
}

func mustCanonical(t *testing.T, form *canon.Form, data []byte, project string) []byte {
	t.Helper()
	got, err := form.Canonical(data, project)
	if err != nil {
		t.Fatalf("%v: %q: %v", form, data, err)
	}
	return got
}

// FuzzValidate checks that what is left without the refused rows is accepted,
// and that Validate refuses whatever Canonical refuses.
func FuzzValidate(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Data))
	}
	f.Add([]byte(`{"sessions":[{"id":"s"}],"observations":[` + observation + `}],"mutations":[{"entity":"session"}],"Prompts":[5]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		form := canon.Of(engram.Gen1 + engram.Generation(len(data)%3))
		problems, err := form.Validate(data, "p", noSession)
		_, canonicalErr := form.Canonical(data, "p")
		if err != nil {
			if canonicalErr == nil {
				t.Errorf("%q has a form: %v", data, err)
			}
			return
		}
		if canonicalErr != nil && len(problems) == 0 {
			t.Errorf("%q: %v", data, canonicalErr)
		}
		rest := without(t, data, problems)
		left, err := form.Validate(rest, "p", noSession)
		if err != nil || len(left) > 0 {
			t.Errorf("%q: without %v still %v %v: %s", data, problems, left, err, rest)
		}
		if _, err := form.ForPush(rest, "p"); err != nil {
			t.Errorf("%q: %v", rest, err)
		}
	})
}
