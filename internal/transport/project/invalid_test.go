package project_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// A refusal with a list says which rows it is about, as far as these are rows of the
// batch; its code says nothing. Source: engram-2.md 4.5, 10.
func TestTheRowsThatARefusalNames(t *testing.T) {
	const (
		of2x = `{"error_class":"repairable","error_code":"upgrade_repairable_payload_invalid","error":"invalid mutation payload","reason_code":"validation_error","invalid":`
		bare = `{"error":"some new words","reason_code":"validation_error","invalid":`
	)
	for body, want := range map[string]map[int]string{
		of2x + `[{"index":1,"field":"payload","entity":"session"}]}`:                                                     {1: "payload"},
		bare + `[{"index":1,"field":"payload","entity":"session"}]}`:                                                     {1: "payload"},
		of2x + `[{"index":1,"field":"source_id"},{"index":1,"field":"payload"},{"index":0,"field":"a` + "\x1b" + `b"}]}`: nil, // no JSON
		of2x + `[{"index":1,"field":"source_id"},{"index":1,"field":"payload"},{"index":0,"field":"a\u001bb"}]}`:         {1: "source_id", 0: "ab"},
		of2x + `[{"index":-1},{"index":2},{"index":99999999999},{"field":"payload"},{"index":null}]}`:                    {},
		of2x + `[]}`:                             {},
		of2x + `null}`:                           nil,
		of2x + `{"index":1}}`:                    nil,
		of2x + `[{"index":"1"}]}`:                nil,
		`{"error":"no","invalid":[{"index":1}]}`: nil, // a gateway's
		`{"invalid":[{"index":1}],"reason_code":"validation"}`: nil,
	} {
		_, f := wiretest.ProjectServer(t, projectserver.Options{})
		f.Instead(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost || r.ContentLength == int64(len(`{"entries":[],"mutations":[]}`)) {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(body))
			return true
		})
		remote := wiretest.DialProject(t, f.URL, transport.Options{Retries: -1})
		_, err := remote.PushMutations(t.Context(), []transport.MutationEntry{good("a", ""), good("b", "")}, "")
		wiretest.OneClass(t, err, transport.ErrRefused)
		var content *engram.ContentError
		if errors.As(err, &content) != (want != nil) {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if content != nil {
			if diff := cmp.Diff(want, content.Invalid); diff != "" {
				t.Errorf("%s: %s", body, diff)
			}
		}
	}
}
