package protocol_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/transport"
)

const twoAccepted = `{"accepted":2,"last_seq":42}` + "\n"

// The request, byte for byte: payloads are what they were, down to the blanks.
func TestTheBatchOnTheWire(t *testing.T) {
	entries := []transport.MutationEntry{
		{Entity: "session", EntityKey: "s", Op: "upsert", Payload: json.RawMessage(` { "id":"\u003cs>", "n":1.50, "id":-0 }`)},
		{Entity: "observation", EntityKey: `<"é">`, Op: "delete", Payload: json.RawMessage(`"{\"sync_id\":\"x\"}"`), Project: "billing"},
		{Op: "frobnicate", Payload: json.RawMessage("null")},
		{Entity: "prompt", EntityKey: "p", Op: "upsert", Extra: `"x_future":{"n":1.50}`},
	}
	const want = `{"mutations":[` +
		`{"entity":"session","entity_key":"s","op":"upsert","payload": { "id":"\u003cs>", "n":1.50, "id":-0 }},` +
		`{"entity":"observation","entity_key":"\u003c\"é\"\u003e","op":"delete","project":"billing","payload":"{\"sync_id\":\"x\"}"},` +
		`{"entity":"","entity_key":"","op":"frobnicate","payload":null},` +
		`{"entity":"prompt","entity_key":"p","op":"upsert","x_future":{"n":1.50}}]}`
	for _, key := range []string{"", "0123456789abcdef"} {
		var got wiretest.Received
		var keys []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = wiretest.Receive(r)
			keys = r.Header.Values("Idempotency-Key")
			_, _ = io.WriteString(w, `{"accepted":4,"last_seq":42}`)
		}))
		result, err := wiretest.Dial(t, server.URL, transport.Options{}).PushMutations(t.Context(), entries, key)
		server.Close()
		if err != nil || result != (transport.PushMutationsResult{Accepted: 4, LastSeq: 42}) {
			t.Errorf("got %v, %v", result, err)
		}
		expected := wiretest.Received{
			Method: "POST", Path: "/sync/mutations/push", ContentType: "application/json", Length: int64(len(want)), Body: want,
		}
		if diff := cmp.Diff(expected, got); diff != "" {
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

// What a server answers to a batch that it has read whole.
func TestWhatAnAnswerToABatchMeans(t *testing.T) {
	unknown, refused := transport.ErrOutcomeUnknown, transport.ErrRefused
	pause := strings.Repeat("long ", 100) + "name"
	for _, tc := range []struct {
		wiretest.Story
		outcome
	}{
		{wiretest.Story{Status: 400, Body: "invalid json: no"}, outcome{1, refused, "content"}},
		{wiretest.Story{Status: 400, Body: "failed to read body: unexpected EOF"}, outcome{5, transport.ErrUnavailable, ""}},
		{wiretest.Story{Status: 400}, outcome{1, refused, ""}},
		{wiretest.Story{Status: 401, Body: "invalid or expired token"}, outcome{1, transport.ErrUnauthorized, ""}},
		{wiretest.Story{Status: 403, Body: "no"}, outcome{1, refused, ""}},
		{wiretest.Story{Status: 404}, outcome{1, refused, ""}},
		{wiretest.Story{Status: 408}, outcome{1, unknown, "uncertain, done false"}},
		{wiretest.Story{Status: 409, Body: "cloudstore: project sync paused: a: b"}, outcome{1, refused, "paused a: b"}},
		{wiretest.Story{Status: 409, Body: "project sync paused: " + pause}, outcome{1, refused, "paused " + pause}},
		{wiretest.Story{Status: 409, Body: "project sync paused: secret-token"}, outcome{1, refused, ""}},
		{wiretest.Story{Status: 409, Body: "this idempotency key was used for another batch"}, outcome{1, refused, ""}},
		{wiretest.Story{Status: 413, Body: "request body too large (max 10MB)"}, outcome{1, refused, "2 rows over 10485760"}},
		{wiretest.Story{Status: 413, Body: "request body too large (max 8388608 bytes)"}, outcome{1, refused, "2 rows over 8388608"}},
		{wiretest.Story{Status: 413, Body: "max 999999999999 GiB"}, outcome{1, refused, "2 rows over 0"}},
		{wiretest.Story{Status: 413}, outcome{1, refused, "2 rows over 0"}},
		{wiretest.Story{Status: 429, Body: "rate limit exceeded"}, outcome{5, transport.ErrUnavailable, ""}},
		{wiretest.Story{Status: 500, Body: "internal error"}, outcome{1, unknown, "uncertain, done true"}},
		{wiretest.Story{Status: 500}, outcome{1, unknown, "uncertain, done true"}},
		{wiretest.Story{Status: 500, Body: "ERROR: null value (SQLSTATE 23502)"}, outcome{1, refused, "content"}},
		{wiretest.Story{Status: 500, Body: "ERROR: foreign key (SQLSTATE 23503)"}, outcome{1, refused, ""}},
		{wiretest.Story{Status: 500, Body: "ERROR: bad byte (SQLSTATE 22021)"}, outcome{1, refused, "content"}},
		{wiretest.Story{Status: 500, Body: "pq: unsupported Unicode escape sequence (22P05)"}, outcome{1, refused, "content"}},
		{wiretest.Story{Status: 500, Body: "pq: null value in column payload (23502)"}, outcome{1, refused, "content"}},
		{wiretest.Story{Status: 500, Body: "pq: foreign key (23503)"}, outcome{1, refused, ""}},
		{wiretest.Story{Status: 500, Body: "pq: the database system is starting up (57P03)"}, outcome{1, unknown, "uncertain, done true"}},
		{wiretest.Story{Status: 500, Body: "pq: no class at the end: (22021) was the title"}, outcome{1, unknown, "uncertain, done true"}},
		{wiretest.Story{Status: 500, Body: "ERROR: too long (SQLSTATE 54000)"}, outcome{1, refused, "content"}},
		{wiretest.Story{Status: 500, Body: "decode project from mutation: json: cannot"}, outcome{1, refused, "content"}},
		{wiretest.Story{Status: 500, Body: "cloudstore: canonicalize materialized batch"}, outcome{1, refused, "content"}},
		{wiretest.Story{Status: 500, Body: "ERROR: deadlock (SQLSTATE 40P01)"}, outcome{1, unknown, "uncertain, done true"}},
		{wiretest.Story{Status: 501}, outcome{1, refused, ""}},
		{wiretest.Story{Status: 502, Body: "upstream"}, outcome{1, unknown, "uncertain, done false"}},
		{wiretest.Story{Status: 503, Body: "database unavailable"}, outcome{1, unknown, "uncertain, done true"}},
		{wiretest.Story{Status: 503}, outcome{1, unknown, "uncertain, done false"}},
		{wiretest.Story{Status: 504}, outcome{1, unknown, "uncertain, done false"}},
		{wiretest.Story{Status: 201}, outcome{1, unknown, "uncertain, done false"}},
		{wiretest.Story{Status: 302}, outcome{1, transport.ErrNotEngram, ""}},
		{wiretest.Story{Name: "reset", Err: &cutOff}, outcome{1, unknown, "uncertain, done false"}},
		{wiretest.Story{Name: "cut", Err: io.ErrUnexpectedEOF}, outcome{1, unknown, "uncertain, done false"}},
		{wiretest.Story{Name: "not HTTP", Err: errors.New(`malformed HTTP response "SSH-2.0"`)}, outcome{1, unknown, "uncertain, done false"}},
	} {
		t.Run(tc.Title(), func(t *testing.T) {
			tellBatch(t, tc.Story, 1<<20, tc.outcome)
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
		wiretest.Story
		outcome
	}{
		{wiretest.Story{Name: "refused", Err: wiretest.DialError(syscall.ECONNREFUSED)}, outcome{5, unavailable, ""}},
		{wiretest.Story{Name: "reset", Err: &cutOff}, outcome{5, unavailable, ""}},
		{wiretest.Story{Name: "cut", Err: io.ErrUnexpectedEOF}, outcome{5, unavailable, ""}},
		{wiretest.Story{Status: 401, Body: "invalid or expired token"}, outcome{1, transport.ErrUnauthorized, ""}},
		{wiretest.Story{Status: 413, Body: "request body too large (max 10MB)"}, outcome{1, transport.ErrRefused, "2 rows over 10485760"}},
		{wiretest.Story{Status: 429, Body: "slow down"}, outcome{5, unavailable, ""}},
		{wiretest.Story{Status: 500, Body: "internal error"}, outcome{1, unavailable, ""}},
		{wiretest.Story{Status: 502}, outcome{5, unavailable, ""}},
		{wiretest.Story{Status: 503, Body: "database unavailable"}, outcome{5, unavailable, ""}},
		{wiretest.Story{Status: 201}, outcome{1, transport.ErrNotEngram, ""}},
	} {
		t.Run(tc.Title(), func(t *testing.T) {
			tellBatch(t, tc.Story, 20, tc.outcome)
		})
	}
}

// tellBatch pushes a batch to a server that takes so many bytes of it, and then
// does as the story says, every time.
func tellBatch(t *testing.T, s wiretest.Story, taken int64, want outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: 4, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			if req.ContentLength == int64(len(`{"entries":[],"mutations":[]}`)) {
				return wiretest.Answer(req, http.StatusOK, `{"accepted":0,"last_seq":0}`), nil
			}
			attempts++
			if _, err := io.CopyN(io.Discard, req.Body, taken); err != nil && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return s.Attempt(req)
		})})
		result, err := remote.PushMutations(t.Context(), wiretest.Two(), "key")
		if attempts != want.attempts || wiretest.KindOf(err) != want.kind || result != (transport.PushMutationsResult{}) {
			t.Errorf("%d attempts, %q, want %d, %q: %v", attempts, wiretest.KindOf(err), want.attempts, want.kind, err)
		}
		wiretest.OneLine(t, err)
		wiretest.OneClass(t, err, want.class)
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
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			_, err := io.Copy(io.Discard, req.Body)
			return wiretest.Answer(req, http.StatusOK, body), err
		})})
		result, err := remote.PushMutations(t.Context(), wiretest.Two(), "")
		if wiretest.KindOf(err) != kind || (err == nil) != (result.Accepted == 2) {
			t.Errorf("%s: got %v, %v", body, result, err)
		}
		if kind != "" {
			wiretest.OneLine(t, err)
			wiretest.OneClass(t, err, transport.ErrOutcomeUnknown)
		}
	}
}

// A good answer to half a request is no answer.
func TestAnAnswerBeforeTheEndIsNotBelieved(t *testing.T) {
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		return wiretest.Answer(req, http.StatusOK, twoAccepted), nil
	})})
	_, err := remote.PushMutations(t.Context(), wiretest.Two(), "")
	wiretest.OneClass(t, err, transport.ErrOutcomeUnknown)
}

// After what left nothing behind, the same bytes go again under the same key.
func TestABatchIsSentAgainAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies, keys []string
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			for name, values := range req.Header { // not in its usual spelling, see idempotencyKey
				if strings.EqualFold(name, "Idempotency-Key") {
					keys = append(keys, values...)
				}
			}
			switch len(keys) {
			case 1:
				return nil, wiretest.DialError(syscall.ECONNREFUSED)
			case 2:
				_, _ = io.CopyN(io.Discard, req.Body, 20)
				return nil, io.ErrUnexpectedEOF
			}
			body, err := io.ReadAll(req.Body)
			bodies = append(bodies, string(body))
			if len(keys) == 3 {
				return wiretest.Answer(req, http.StatusTooManyRequests, wiretest.Failure("slow down"), "Retry-After: 1"), err
			}
			return wiretest.Answer(req, http.StatusOK, twoAccepted), err
		})})
		if _, err := remote.PushMutations(t.Context(), wiretest.Two(), "key"); err != nil {
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
		seen := &wiretest.Recorder{}
		_, err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: seen}).PushMutations(t.Context(), append(wiretest.Two(), bad), "")
		if wiretest.KindOf(err) != "content" || len(seen.Seen) != 0 || !strings.Contains(err.Error(), "mutation 3 of 3") {
			t.Errorf("%s: got %v after %d requests", name, err, len(seen.Seen))
		}
		wiretest.OneLine(t, err)
		wiretest.OneClass(t, err, transport.ErrRefused)
	}
}

func TestKeysThatAreNotSent(t *testing.T) {
	for _, key := range []string{"a b", "k\n", "é", strings.Repeat("k", 129)} {
		seen := &wiretest.Recorder{}
		_, err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: seen}).PushMutations(t.Context(), wiretest.Two(), key)
		if wiretest.KindOf(err) != "" || len(seen.Seen) != 0 {
			t.Errorf("%q: got %v after %d requests", key, err, len(seen.Seen))
		}
		wiretest.OneClass(t, err, transport.ErrRefused)
	}
}

func TestNothingIsAskedForAnEmptyBatch(t *testing.T) {
	seen := &wiretest.Recorder{}
	if _, err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: seen}).PushMutations(t.Context(), nil, "key"); err != nil || len(seen.Seen) != 0 {
		t.Errorf("%v after %d requests", err, len(seen.Seen))
	}
}

// The limit of a batch is inclusive: 10 MiB go, one byte more never leaves.
func TestTheLimitOfABatch(t *testing.T) {
	const limit, around = 10_485_760, `{"mutations":[{"entity":"e","entity_key":"k","op":"o","payload":""}]}`
	for over := range 2 {
		var sent int64
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			var err error
			sent, err = io.Copy(io.Discard, req.Body)
			return wiretest.Answer(req, http.StatusOK, `{"accepted":1,"last_seq":1}`), err
		})})
		payload := `"` + strings.Repeat("x", limit-len(around)+over) + `"`
		_, err := remote.PushMutations(t.Context(), []transport.MutationEntry{
			{Entity: "e", EntityKey: "k", Op: "o", Payload: json.RawMessage(payload)},
		}, "")
		if over == 0 && (err != nil || sent != limit) {
			t.Errorf("%v after %d bytes", err, sent)
		}
		if over == 1 && (wiretest.KindOf(err) != "1 rows over 10485760" || sent != 0 || !errors.Is(err, transport.ErrRefused)) {
			t.Errorf("%v after %d bytes", err, sent)
		}
	}
}
