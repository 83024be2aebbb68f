package transport_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// received is what a server got of one request.
type received struct {
	method, path, kind string
	length             int64
	coding             []string
	body               string
	err                error // of reading the body: nil means that it was complete
}

// sink is a server that takes every push and keeps what it got.
type sink struct {
	*httptest.Server
	reply string

	mu   sync.Mutex
	seen []received
}

func newSink(t testing.TB) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(s.take))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen = append(s.seen, received{r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.ContentLength, r.TransferEncoding, string(body), err})
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, s.reply)
}

// all is what arrived, once nothing is under way any more.
func (s *sink) all() []received {
	s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// The envelope, byte for byte: the members in front, the content as it is, one
// brace behind it.
func TestTheEnvelopeOnTheWire(t *testing.T) {
	text := `{"sessions":null,"observations":[{"title":"\u003cb\u003e é < & >","n":1.50}], "prompts":null}`
	chunk := newTestChunk(text)
	var err error
	chunk.entry, err = engram.ParseEntry([]byte(`{"id":"` + chunk.id().String() +
		`","created_by":"d<é>\"","created_at":"2026-11-22T09:14:58Z","sessions":1,"memories":2,"prompts":3,"later":[1.50]}`))
	if err != nil {
		t.Fatal(err)
	}
	const golden = `{"chunk_id":"ID","created_by":"d\u003cé\u003e\"",` +
		`"engram_sync_entry":{"id":"ID","created_by":"d\u003cé\u003e\"","created_at":"2026-11-22T09:14:58Z",` +
		`"sessions":1,"memories":2,"prompts":3,"later":[1.50]},"data":DATA}`
	want := strings.NewReplacer("ID", chunk.id().String(), "DATA", text).Replace(golden)
	for name, tc := range map[string]struct {
		open   transport.OpenFunc
		length int64
		coding []string
	}{
		"size known":   {chunk.sized, int64(len(want)), nil},
		"size unknown": {chunk.open, -1, []string{"chunked"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := newSink(t)
			server.reply = `{"chunk_id":"` + chunk.id().String() + `","status":"accepted","sessions_stored":0}`
			if err := dial(t, server.URL, transport.Options{}).WriteChunk(t.Context(), chunk.entry, tc.open); err != nil {
				t.Fatal(err)
			}
			expected := []received{{"POST", "/sync/push", "application/json", tc.length, tc.coding, want, nil}}
			if diff := cmp.Diff(expected, server.all(), cmp.AllowUnexported(received{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// However the content comes in pieces, the same bytes go out.
func TestPiecesMakeTheSameEnvelope(t *testing.T) {
	chunk := large(5 << 10)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"byte by byte":   iotest.OneByteReader,
		"EOF with bytes": iotest.DataErrReader,
	} {
		server := newSink(t)
		server.reply = `{"chunk_id":"` + chunk.id().String() + `","status":"accepted"}`
		err := dial(t, server.URL, transport.Options{}).WriteChunk(t.Context(), chunk.entry, func() (*engram.Chunk, error) {
			return engram.NewChunk(chunk.id(), io.NopCloser(wrap(strings.NewReader(chunk.text))), 1<<30), nil
		})
		if got := server.all(); err != nil || len(got) != 1 || got[0].body != chunk.envelope(t) {
			t.Errorf("%s: %v, %d requests", name, err, len(got))
		}
	}
}

var errDisk = errors.New("disk on fire")

// What is damaged on this side never arrives as a whole request, whether its
// length is said beforehand or not, and whether the length is true or not.
func TestADamagedChunkNeverArrives(t *testing.T) {
	good := large(300 << 10)
	injection := newTestChunk(`{},"chunk_id":"ffffffff"`)
	closing := newTestChunk(`{"a":1}}`)
	other := newTestChunk(good.text[:len(good.text)-1] + " }")
	read := func(text string) io.Reader { return strings.NewReader(text) }
	size := int64(len(good.text))
	for name, tc := range map[string]struct {
		chunk testChunk
		src   func() io.Reader
		hint  int64
		class error
	}{
		"wrong hash":          {good, func() io.Reader { return read(other.text) }, 0, engram.ErrDamaged},
		"wrong hash, sized":   {good, func() io.Reader { return read(other.text) }, size + 1, engram.ErrDamaged},
		"injected member":     {injection, func() io.Reader { return read(injection.text) }, 0, engram.ErrDamaged},
		"injected, sized":     {injection, func() io.Reader { return read(injection.text) }, int64(len(injection.text)), engram.ErrDamaged},
		"injected, byte-wise": {injection, func() io.Reader { return iotest.OneByteReader(read(injection.text)) }, 0, engram.ErrDamaged},
		"brace of its own":    {closing, func() io.Reader { return iotest.OneByteReader(read(closing.text)) }, 7, engram.ErrDamaged},
		"cut":                 {good, func() io.Reader { return read(good.text[:size/2]) }, 0, engram.ErrDamaged},
		"cut, sized":          {good, func() io.Reader { return read(good.text[:size/2]) }, size, engram.ErrDamaged},
		"longer than claimed": {good, func() io.Reader { return read(good.text) }, size - 1, engram.ErrDamaged},
		"much longer":         {good, func() io.Reader { return read(good.text) }, 10, engram.ErrDamaged},
		"shorter than it":     {good, func() io.Reader { return read(good.text) }, size + 1, engram.ErrDamaged},
		"empty":               {good, func() io.Reader { return read("") }, 0, engram.ErrDamaged},
		"broken source":       {good, func() io.Reader { return io.MultiReader(read(good.text[:size/2]), iotest.ErrReader(errDisk)) }, size, errDisk},
	} {
		t.Run(name, func(t *testing.T) {
			server := newSink(t)
			opened := 0
			err := dial(t, server.URL, transport.Options{}).WriteChunk(t.Context(), tc.chunk.entry, func() (*engram.Chunk, error) {
				opened++
				c := engram.NewChunk(tc.chunk.id(), io.NopCloser(tc.src()), 1<<30)
				c.SizeHint = tc.hint
				return c, nil
			})
			if !errors.Is(err, tc.class) || opened != 1 {
				t.Errorf("got %v, opened %d times", err, opened)
			}
			oneLine(t, err)
			for _, got := range server.all() {
				if got.err == nil {
					t.Errorf("the server got a whole request of %d bytes: %.100q", len(got.body), got.body)
				}
			}
		})
	}
}

// Content that is good, but that of another chunk, is stopped as well.
func TestContentOfAnotherChunkIsNotSent(t *testing.T) {
	wanted, given := sample(), large(1000)
	for name, open := range map[string]transport.OpenFunc{
		"another id": given.open,
		"no id": func() (*engram.Chunk, error) {
			return engram.AddressChunk(io.NopCloser(strings.NewReader(given.text)), 1<<30), nil
		},
	} {
		server := newSink(t)
		err := dial(t, server.URL, transport.Options{}).WriteChunk(t.Context(), wanted.entry, open)
		var mismatch *engram.MismatchError
		if !errors.As(err, &mismatch) || mismatch.ID != wanted.id() || mismatch.Actual != given.id() {
			t.Errorf("%s: got %v", name, err)
		}
		for _, got := range server.all() {
			if got.err == nil {
				t.Errorf("%s: the server got %.100q", name, got.body)
			}
		}
	}
}

// An error of open is the caller's own, and nothing is sent.
func TestAChunkThatCannotBeOpenedIsNotSent(t *testing.T) {
	seen := &recorder{}
	err := dial(t, somewhere, transport.Options{Base: seen}).WriteChunk(t.Context(), sample().entry, func() (*engram.Chunk, error) {
		return nil, errDisk
	})
	if !errors.Is(err, errDisk) || len(seen.seen) != 0 {
		t.Errorf("got %v after %d requests", err, len(seen.seen))
	}
}
