package transport_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// session is a small mutation.
func session(id string) transport.MutationEntry {
	return transport.MutationEntry{
		Entity: "session", EntityKey: id, Op: "upsert", Payload: json.RawMessage(`{"id":"` + id + `","project":"p"}`),
	}
}

// two are the mutations that most stories push.
func two() []transport.MutationEntry {
	return []transport.MutationEntry{session("a"), session("b")}
}

const twoAccepted = `{"accepted":2,"last_seq":42}` + "\n"

// The request, byte for byte: payloads are what they were, down to the blanks.
func TestTheBatchOnTheWire(t *testing.T) {
	entries := []transport.MutationEntry{
		{Entity: "session", EntityKey: "s", Op: "upsert", Payload: json.RawMessage(` { "id":"\u003cs>", "n":1.50, "id":-0 }`)},
		{Entity: "observation", EntityKey: `<"é">`, Op: "delete", Payload: json.RawMessage(`"{\"sync_id\":\"x\"}"`), Project: "billing"},
		{Op: "frobnicate", Payload: json.RawMessage("null")},
		{Entity: "prompt", EntityKey: "p", Op: "upsert"},
	}
	const want = `{"mutations":[` +
		`{"entity":"session","entity_key":"s","op":"upsert","payload": { "id":"\u003cs>", "n":1.50, "id":-0 }},` +
		`{"entity":"observation","entity_key":"\u003c\"é\"\u003e","op":"delete","project":"billing","payload":"{\"sync_id\":\"x\"}"},` +
		`{"entity":"","entity_key":"","op":"frobnicate","payload":null},` +
		`{"entity":"prompt","entity_key":"p","op":"upsert"}]}`
	for _, key := range []string{"", "0123456789abcdef"} {
		var got received
		var keys []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			got = received{r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.ContentLength, r.TransferEncoding, string(body), err}
			keys = r.Header.Values("Idempotency-Key")
			_, _ = io.WriteString(w, `{"accepted":4,"last_seq":42}`)
		}))
		result, err := dial(t, server.URL, transport.Options{}).PushMutations(t.Context(), entries, key)
		server.Close()
		if err != nil || result != (transport.PushMutationsResult{Accepted: 4, LastSeq: 42}) {
			t.Errorf("got %v, %v", result, err)
		}
		expected := received{"POST", "/sync/mutations/push", "application/json", int64(len(want)), nil, want, nil}
		if diff := cmp.Diff(expected, got, cmp.AllowUnexported(received{})); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if strings.Join(keys, ",") != key {
			t.Errorf("keys %q, want %q", keys, key)
		}
	}
}

// outcome is what a story about a batch ends with.
type outcome struct {
	attempts int
	class    error
	kind     string // of typed error, see kindOf
}

// kindOf names the typed error that a caller of PushMutations acts on.
func kindOf(err error) string {
	var uncertain *engram.UncertainError
	var content *engram.ContentError
	var paused *engram.PausedError
	var large *engram.BatchTooLargeError
	switch {
	case errors.As(err, &uncertain):
		return fmt.Sprintf("uncertain, done %t", uncertain.Done)
	case errors.As(err, &content):
		return "content"
	case errors.As(err, &paused):
		return "paused " + paused.Project
	case errors.As(err, &large):
		return fmt.Sprintf("%d rows over %d", large.Rows, large.Limit)
	}
	return ""
}

// What a server answers to a batch that it has read whole.
func TestWhatAnAnswerToABatchMeans(t *testing.T) {
	unknown, refused := transport.ErrOutcomeUnknown, transport.ErrRefused
	pause := strings.Repeat("long ", 100) + "name"
	for _, tc := range []struct {
		story
		outcome
	}{
		{story{status: 400, body: "invalid json: no"}, outcome{1, refused, "content"}},
		{story{status: 400, body: "failed to read body: unexpected EOF"}, outcome{1, unknown, "uncertain, done true"}},
		{story{status: 400}, outcome{1, refused, ""}},
		{story{status: 401, body: "invalid or expired token"}, outcome{1, transport.ErrUnauthorized, ""}},
		{story{status: 403, body: "no"}, outcome{1, refused, ""}},
		{story{status: 404}, outcome{1, refused, ""}},
		{story{status: 408}, outcome{1, unknown, "uncertain, done false"}},
		{story{status: 409, body: "cloudstore: project sync paused: a: b"}, outcome{1, refused, "paused a: b"}},
		{story{status: 409, body: "project sync paused: " + pause}, outcome{1, refused, "paused " + pause}},
		{story{status: 409, body: "project sync paused: secret-token"}, outcome{1, refused, ""}},
		{story{status: 409, body: "this idempotency key was used for another batch"}, outcome{1, refused, ""}},
		{story{status: 413, body: "request body too large (max 10MB)"}, outcome{1, refused, "2 rows over 10485760"}},
		{story{status: 413, body: "request body too large (max 8388608 bytes)"}, outcome{1, refused, "2 rows over 8388608"}},
		{story{status: 413, body: "max 999999999999 GiB"}, outcome{1, refused, "2 rows over 0"}},
		{story{status: 413}, outcome{1, refused, "2 rows over 0"}},
		{story{status: 429, body: "rate limit exceeded"}, outcome{5, transport.ErrUnavailable, ""}},
		{story{status: 500, body: "internal error"}, outcome{1, unknown, "uncertain, done true"}},
		{story{status: 500}, outcome{1, unknown, "uncertain, done false"}},
		{story{status: 500, body: "ERROR: null value (SQLSTATE 23502)"}, outcome{1, refused, "content"}},
		{story{status: 500, body: "ERROR: foreign key (SQLSTATE 23503)"}, outcome{1, refused, ""}},
		{story{status: 500, body: "ERROR: bad byte (SQLSTATE 22021)"}, outcome{1, refused, "content"}},
		{story{status: 500, body: "ERROR: too long (SQLSTATE 54000)"}, outcome{1, refused, "content"}},
		{story{status: 500, body: "decode project from mutation: json: cannot"}, outcome{1, refused, "content"}},
		{story{status: 500, body: "cloudstore: canonicalize materialized batch"}, outcome{1, refused, "content"}},
		{story{status: 500, body: "ERROR: deadlock (SQLSTATE 40P01)"}, outcome{1, unknown, "uncertain, done true"}},
		{story{status: 501}, outcome{1, refused, ""}},
		{story{status: 502, body: "upstream"}, outcome{1, unknown, "uncertain, done false"}},
		{story{status: 503, body: "database unavailable"}, outcome{1, unknown, "uncertain, done true"}},
		{story{status: 503}, outcome{1, unknown, "uncertain, done false"}},
		{story{status: 504}, outcome{1, unknown, "uncertain, done false"}},
		{story{status: 201}, outcome{1, unknown, "uncertain, done false"}},
		{story{status: 302}, outcome{1, transport.ErrNotEngram, ""}},
		{story{name: "reset", err: &cutOff}, outcome{1, unknown, "uncertain, done false"}},
		{story{name: "cut", err: io.ErrUnexpectedEOF}, outcome{1, unknown, "uncertain, done false"}},
		{story{name: "not HTTP", err: errors.New(`malformed HTTP response "SSH-2.0"`)}, outcome{1, unknown, "uncertain, done false"}},
	} {
		t.Run(tc.title(), func(t *testing.T) {
			tellBatch(t, tc.story, 1<<20, tc.outcome)
		})
	}
}

// cutOff is the error of a socket whose other side has gone.
var cutOff = resetError{}

type resetError struct{}

func (*resetError) Error() string { return "read: " + syscall.ECONNRESET.Error() }

// What happens to a batch of which the last bytes were never taken: it was not
// applied, whatever else went wrong.
func TestABatchThatWasNotSentWhole(t *testing.T) {
	unavailable := transport.ErrUnavailable
	for _, tc := range []struct {
		story
		outcome
	}{
		{story{name: "refused", err: dialError(syscall.ECONNREFUSED)}, outcome{5, unavailable, ""}},
		{story{name: "reset", err: &cutOff}, outcome{5, unavailable, ""}},
		{story{name: "cut", err: io.ErrUnexpectedEOF}, outcome{5, unavailable, ""}},
		{story{status: 401, body: "invalid or expired token"}, outcome{1, transport.ErrUnauthorized, ""}},
		{story{status: 413, body: "request body too large (max 10MB)"}, outcome{1, transport.ErrRefused, "2 rows over 10485760"}},
		{story{status: 429, body: "slow down"}, outcome{5, unavailable, ""}},
		{story{status: 500, body: "internal error"}, outcome{1, unavailable, ""}},
		{story{status: 502}, outcome{5, unavailable, ""}},
		{story{status: 503, body: "database unavailable"}, outcome{5, unavailable, ""}},
		{story{status: 201}, outcome{1, transport.ErrNotEngram, ""}},
	} {
		t.Run(tc.title(), func(t *testing.T) {
			tellBatch(t, tc.story, 20, tc.outcome)
		})
	}
}

// tellBatch pushes a batch to a server that takes so many bytes of it, and then
// does as the story says, every time.
func tellBatch(t *testing.T, s story, taken int64, want outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		remote := dial(t, somewhere, transport.Options{Base: base(func(req *http.Request) (*http.Response, error) {
			attempts++
			if _, err := io.CopyN(io.Discard, req.Body, taken); err != nil && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return s.attempt(req)
		})})
		result, err := remote.PushMutations(t.Context(), two(), "key")
		if attempts != want.attempts || kindOf(err) != want.kind || result != (transport.PushMutationsResult{}) {
			t.Errorf("%d attempts, %q, want %d, %q: %v", attempts, kindOf(err), want.attempts, want.kind, err)
		}
		oneLine(t, err)
		oneClass(t, err, want.class)
		if errors.Is(want.class, transport.ErrOutcomeUnknown) && errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error("the cause invites to send again")
		}
	})
}

// A 200 is believed only if it says what the server of this protocol says.
func TestWhichAnswersAreBelieved(t *testing.T) {
	for body, kind := range map[string]string{
		twoAccepted: "",
		`{"accepted":2,"last_seq":42,"extra":[]}`: "",
		`{"accepted":0,"last_seq":0}`:             "uncertain, done true",
		`{"accepted":1,"last_seq":42}`:            "uncertain, done true",
		`{"accepted":2,"last_seq":0}`:             "uncertain, done true",
		`{"accepted":2,"last_seq":-1}`:            "uncertain, done true",
		`{"accepted_seqs":[1,2],"project":"p"}`:   "uncertain, done false",
		`{"accepted":2}`:                          "uncertain, done false",
		`{"accepted":"2","last_seq":42}`:          "uncertain, done false",
		`{"accepted":2,"last_seq":42`:             "uncertain, done false",
		`<html>` + "\u202e":                       "uncertain, done false",
		``:                                        "uncertain, done false",
		`null`:                                    "uncertain, done false",
	} {
		remote := dial(t, somewhere, transport.Options{Base: base(func(req *http.Request) (*http.Response, error) {
			_, err := io.Copy(io.Discard, req.Body)
			return answer(req, http.StatusOK, body), err
		})})
		result, err := remote.PushMutations(t.Context(), two(), "")
		if kindOf(err) != kind || (err == nil) != (result.Accepted == 2) {
			t.Errorf("%s: got %v, %v", body, result, err)
		}
		if kind != "" {
			oneLine(t, err)
			oneClass(t, err, transport.ErrOutcomeUnknown)
		}
	}
}

// A good answer to half a request is no answer.
func TestAnAnswerBeforeTheEndIsNotBelieved(t *testing.T) {
	remote := dial(t, somewhere, transport.Options{Base: base(func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusOK, twoAccepted), nil
	})})
	_, err := remote.PushMutations(t.Context(), two(), "")
	oneClass(t, err, transport.ErrOutcomeUnknown)
}

// After what left nothing behind, the same bytes go again under the same key.
func TestABatchIsSentAgainAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies, keys []string
		remote := dial(t, somewhere, transport.Options{Base: base(func(req *http.Request) (*http.Response, error) {
			for name, values := range req.Header { // not in its usual spelling, see idempotencyKey
				if strings.EqualFold(name, "Idempotency-Key") {
					keys = append(keys, values...)
				}
			}
			switch len(keys) {
			case 1:
				return nil, dialError(syscall.ECONNREFUSED)
			case 2:
				_, _ = io.CopyN(io.Discard, req.Body, 20)
				return nil, io.ErrUnexpectedEOF
			}
			body, err := io.ReadAll(req.Body)
			bodies = append(bodies, string(body))
			if len(keys) == 3 {
				return answer(req, http.StatusTooManyRequests, failure("slow down"), "Retry-After: 1"), err
			}
			return answer(req, http.StatusOK, twoAccepted), err
		})})
		if _, err := remote.PushMutations(t.Context(), two(), "key"); err != nil {
			t.Fatal(err)
		}
		if strings.Join(keys, " ") != "key key key key" || len(bodies) != 2 || bodies[0] != bodies[1] {
			t.Errorf("keys %q, bodies %q", keys, bodies)
		}
	})
}

// Rows that could not arrive as they are never leave, and neither does a row
// that could inject another.
func TestRowsThatAreNotSent(t *testing.T) {
	for name, bad := range map[string]transport.MutationEntry{
		"a payload that is no JSON": {Entity: "session", EntityKey: "k", Op: "upsert", Payload: json.RawMessage("{")},
		"a payload that goes on":    {Entity: "session", EntityKey: "k", Op: "upsert", Payload: json.RawMessage(`{}},{"op":"delete"`)},
		"a key that is no text":     {Entity: "session", EntityKey: "k\xff", Op: "upsert", Payload: json.RawMessage("{}")},
	} {
		seen := &recorder{}
		_, err := dial(t, somewhere, transport.Options{Base: seen}).PushMutations(t.Context(), append(two(), bad), "")
		if kindOf(err) != "content" || len(seen.seen) != 0 || !strings.Contains(err.Error(), "mutation 3 of 3") {
			t.Errorf("%s: got %v after %d requests", name, err, len(seen.seen))
		}
		oneLine(t, err)
		oneClass(t, err, transport.ErrRefused)
	}
}

func TestKeysThatAreNotSent(t *testing.T) {
	for _, key := range []string{"a b", "k\n", "é", strings.Repeat("k", 129)} {
		seen := &recorder{}
		_, err := dial(t, somewhere, transport.Options{Base: seen}).PushMutations(t.Context(), two(), key)
		if kindOf(err) != "" || len(seen.seen) != 0 {
			t.Errorf("%q: got %v after %d requests", key, err, len(seen.seen))
		}
		oneClass(t, err, transport.ErrRefused)
	}
}

func TestNothingIsAskedForAnEmptyBatch(t *testing.T) {
	seen := &recorder{}
	if _, err := dial(t, somewhere, transport.Options{Base: seen}).PushMutations(t.Context(), nil, "key"); err != nil || len(seen.seen) != 0 {
		t.Errorf("%v after %d requests", err, len(seen.seen))
	}
}

// The limit of a batch is inclusive: 10 MiB go, one byte more never leaves.
func TestTheLimitOfABatch(t *testing.T) {
	const limit, around = 10_485_760, `{"mutations":[{"entity":"e","entity_key":"k","op":"o","payload":""}]}`
	for over := range 2 {
		var sent int64
		remote := dial(t, somewhere, transport.Options{Base: base(func(req *http.Request) (*http.Response, error) {
			var err error
			sent, err = io.Copy(io.Discard, req.Body)
			return answer(req, http.StatusOK, `{"accepted":1,"last_seq":1}`), err
		})})
		payload := `"` + strings.Repeat("x", limit-len(around)+over) + `"`
		_, err := remote.PushMutations(t.Context(), []transport.MutationEntry{
			{Entity: "e", EntityKey: "k", Op: "o", Payload: json.RawMessage(payload)},
		}, "")
		if over == 0 && (err != nil || sent != limit) {
			t.Errorf("%v after %d bytes", err, sent)
		}
		if over == 1 && (kindOf(err) != "1 rows over 10485760" || sent != 0 || !errors.Is(err, transport.ErrRefused)) {
			t.Errorf("%v after %d bytes", err, sent)
		}
	}
}
