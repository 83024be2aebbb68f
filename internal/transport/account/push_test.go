package account_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// sink is a server that takes every push and keeps what it got.
type sink struct {
	*httptest.Server
	reply string

	mu   sync.Mutex
	seen []wiretest.Received
}

func newSink(t testing.TB) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(s.take))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	got := wiretest.Receive(r)
	s.mu.Lock()
	s.seen = append(s.seen, got)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, s.reply)
}

// all is what arrived, once nothing is under way any more.
func (s *sink) all() []wiretest.Received {
	s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// The envelope, byte for byte: the members in front, the content as it is, one
// brace behind it.
func TestTheEnvelopeOnTheWire(t *testing.T) {
	text := `{"sessions":null,"observations":[{"title":"\u003cb\u003e é < & >","n":1.50}], "prompts":null}`
	chunk := wiretest.NewChunk(text)
	var err error
	chunk.Entry, err = engram.ParseEntry([]byte(`{"id":"` + chunk.ID().String() +
		`","created_by":"d<é>\"","created_at":"2026-11-22T09:14:58Z","sessions":1,"memories":2,"prompts":3,"later":[1.50]}`))
	if err != nil {
		t.Fatal(err)
	}
	const golden = `{"chunk_id":"ID","created_by":"d\u003cé\u003e\"",` +
		`"engram_sync_entry":{"id":"ID","created_by":"d\u003cé\u003e\"","created_at":"2026-11-22T09:14:58Z",` +
		`"sessions":1,"memories":2,"prompts":3,"later":[1.50]},"data":DATA}`
	want := strings.NewReplacer("ID", chunk.ID().String(), "DATA", text).Replace(golden)
	for name, tc := range map[string]struct {
		open   transport.OpenFunc
		length int64
		coding []string
	}{
		"size known":   {chunk.Sized, int64(len(want)), nil},
		"size unknown": {chunk.Open, -1, []string{"chunked"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := newSink(t)
			server.reply = `{"chunk_id":"` + chunk.ID().String() + `","status":"accepted","sessions_stored":0}`
			if err := wiretest.Dial(t, server.URL, transport.Options{}).WriteChunk(t.Context(), chunk.Entry, tc.open); err != nil {
				t.Fatal(err)
			}
			expected := []wiretest.Received{{
				Method: "POST", Path: "/sync/push", ContentType: "application/json", Length: tc.length, Coding: tc.coding, Body: want,
			}}
			if diff := cmp.Diff(expected, server.all()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// However the content comes in pieces, the same bytes go out.
func TestPiecesMakeTheSameEnvelope(t *testing.T) {
	chunk := wiretest.Large(5 << 10)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"byte by byte":   iotest.OneByteReader,
		"EOF with bytes": iotest.DataErrReader,
	} {
		server := newSink(t)
		server.reply = `{"chunk_id":"` + chunk.ID().String() + `","status":"accepted"}`
		err := wiretest.Dial(t, server.URL, transport.Options{}).WriteChunk(t.Context(), chunk.Entry, func() (*engram.Chunk, error) {
			return engram.NewChunk(chunk.ID(), io.NopCloser(wrap(strings.NewReader(chunk.Text))), 1<<30), nil
		})
		if got := server.all(); err != nil || len(got) != 1 || got[0].Body != chunk.Envelope(t) {
			t.Errorf("%s: %v, %d requests", name, err, len(got))
		}
	}
}

// What is damaged on this side never arrives as a whole request, whether its
// length is said beforehand or not, and whether the length is true or not.
func TestADamagedChunkNeverArrives(t *testing.T) {
	good := wiretest.Large(300 << 10)
	injection := wiretest.NewChunk(`{},"chunk_id":"ffffffff"`)
	closing := wiretest.NewChunk(`{"a":1}}`)
	other := wiretest.NewChunk(good.Text[:len(good.Text)-1] + " }")
	read := func(text string) io.Reader { return strings.NewReader(text) }
	size := int64(len(good.Text))
	for name, tc := range map[string]struct {
		chunk wiretest.Chunk
		src   func() io.Reader
		hint  int64
		class error
	}{
		"wrong hash":          {good, func() io.Reader { return read(other.Text) }, 0, engram.ErrDamaged},
		"wrong hash, sized":   {good, func() io.Reader { return read(other.Text) }, size + 1, engram.ErrDamaged},
		"injected member":     {injection, func() io.Reader { return read(injection.Text) }, 0, engram.ErrDamaged},
		"injected, sized":     {injection, func() io.Reader { return read(injection.Text) }, int64(len(injection.Text)), engram.ErrDamaged},
		"injected, byte-wise": {injection, func() io.Reader { return iotest.OneByteReader(read(injection.Text)) }, 0, engram.ErrDamaged},
		"brace of its own":    {closing, func() io.Reader { return iotest.OneByteReader(read(closing.Text)) }, 7, engram.ErrDamaged},
		"cut":                 {good, func() io.Reader { return read(good.Text[:size/2]) }, 0, engram.ErrDamaged},
		"cut, sized":          {good, func() io.Reader { return read(good.Text[:size/2]) }, size, engram.ErrDamaged},
		"longer than claimed": {good, func() io.Reader { return read(good.Text) }, size - 1, engram.ErrDamaged},
		"much longer":         {good, func() io.Reader { return read(good.Text) }, 10, engram.ErrDamaged},
		"shorter than it":     {good, func() io.Reader { return read(good.Text) }, size + 1, engram.ErrDamaged},
		"empty":               {good, func() io.Reader { return read("") }, 0, engram.ErrDamaged},
		"broken source":       {good, func() io.Reader { return io.MultiReader(read(good.Text[:size/2]), iotest.ErrReader(wiretest.ErrDisk)) }, size, wiretest.ErrDisk},
	} {
		t.Run(name, func(t *testing.T) {
			server := newSink(t)
			opened := 0
			err := wiretest.Dial(t, server.URL, transport.Options{}).WriteChunk(t.Context(), tc.chunk.Entry, func() (*engram.Chunk, error) {
				opened++
				c := engram.NewChunk(tc.chunk.ID(), io.NopCloser(tc.src()), 1<<30)
				c.SizeHint = tc.hint
				return c, nil
			})
			if !errors.Is(err, tc.class) || opened != 1 {
				t.Errorf("got %v, opened %d times", err, opened)
			}
			wiretest.OneLine(t, err)
			for _, got := range server.all() {
				if got.Err == nil {
					t.Errorf("the server got a whole request of %d bytes: %.100q", len(got.Body), got.Body)
				}
			}
		})
	}
}

// Content that is good, but that of another chunk, is stopped as well.
func TestContentOfAnotherChunkIsNotSent(t *testing.T) {
	wanted, given := wiretest.Sample(), wiretest.Large(1000)
	for name, open := range map[string]transport.OpenFunc{
		"another id": given.Open,
		"no id": func() (*engram.Chunk, error) {
			return engram.AddressChunk(io.NopCloser(strings.NewReader(given.Text)), 1<<30), nil
		},
	} {
		server := newSink(t)
		err := wiretest.Dial(t, server.URL, transport.Options{}).WriteChunk(t.Context(), wanted.Entry, open)
		var mismatch *engram.MismatchError
		if !errors.As(err, &mismatch) || mismatch.ID != wanted.ID() || mismatch.Actual != given.ID() {
			t.Errorf("%s: got %v", name, err)
		}
		for _, got := range server.all() {
			if got.Err == nil {
				t.Errorf("%s: the server got %.100q", name, got.Body)
			}
		}
	}
}

// An error of open is the caller's own, and nothing is sent.
func TestAChunkThatCannotBeOpenedIsNotSent(t *testing.T) {
	seen := &wiretest.Recorder{}
	err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: seen}).WriteChunk(t.Context(), wiretest.Sample().Entry, func() (*engram.Chunk, error) {
		return nil, wiretest.ErrDisk
	})
	if !errors.Is(err, wiretest.ErrDisk) || len(seen.Seen) != 0 {
		t.Errorf("got %v after %d requests", err, len(seen.Seen))
	}
}
