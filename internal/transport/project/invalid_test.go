package project_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/safetext"
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

// FuzzAnswers: a yes is believed only where encoding/json finds it, for all that was sent;
// what a refusal names is a row of the batch; and no error shows a token or a control character.
func FuzzAnswers(f *testing.F) {
	chunk := wiretest.Part(f, wiretest.Rows("C"))
	for _, body := range []string{
		`{"version":1,"chunks":[{"chunk_id":"../x","created_by":"secret-token"}]}`, `{"status":"ok","chunk_id":"` + chunk.ID().String() + `"}`,
		`{"accepted_seqs":[4,5]}`, `{"accepted_seqs":[-1,0],"accepted":2,"last_seq":9}`,
		`{"error":"e","reason_code":"validation_error","invalid":[{"index":1,"field":"a\u001b\u202eb"},{"index":-1},{"index":2}]}`,
	} {
		f.Add([]byte(body), len(body)%2 == 0)
		f.Add([]byte(body), len(body)%2 == 1)
	}
	f.Fuzz(func(t *testing.T, body []byte, yes bool) {
		synctest.Test(t, func(t *testing.T) { heldAgainst(t, chunk, body, yes) }) // who is not sure of a push asks again, later
	})
}

// heldAgainst asks a server that always answers the same.
func heldAgainst(t *testing.T, chunk wiretest.Chunk, body []byte, yes bool) {
	t.Helper()
	remote := wiretest.DialProject(t, wiretest.Somewhere, transport.Options{Retries: -1, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			_, _ = io.Copy(io.Discard, req.Body)
		}
		return wiretest.Answer(req, map[bool]int{true: 200, false: 400}[yes], string(body)), nil
	})})
	var said struct {
		Status string
		ID     string  `json:"chunk_id"`
		Seqs   []int64 `json:"accepted_seqs"`
	}
	_ = json.Unmarshal(body, &said)
	_, noManifest := remote.ReadManifest(t.Context())
	noChunk := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open)
	_, noBatch := remote.PushMutations(t.Context(), []transport.MutationEntry{good("a", ""), good("b", "")}, "")
	if noManifest == nil && !json.Valid(body) || noChunk == nil && (said.Status != "ok" || said.ID != chunk.ID().String()) ||
		noBatch == nil && (len(said.Seqs) != 2 || slices.Max(said.Seqs) <= 0) {
		t.Errorf("%q was believed", body)
	}
	for _, err := range []error{noManifest, noChunk, noBatch} {
		if err != nil && (safetext.Escape(err.Error()) != err.Error() || strings.Contains(err.Error(), "secret-t")) {
			t.Errorf("%q gives %q", body, err)
		}
	}
	if content, ok := errors.AsType[*engram.ContentError](noBatch); ok {
		for row, field := range content.Invalid {
			if row < 0 || row > 1 || safetext.Escape(field) != field {
				t.Errorf("%q names %d, %q", body, row, field)
			}
		}
	}
}
