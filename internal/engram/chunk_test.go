package engram_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/engram-sync/engram-sync/internal/engram"
)

const chunkText = `{"sessions":[{"id":"s","project":"p","directory":"/d","started_at":"2026-11-22 09:14:57"}],"observations":null,"prompts":null}`

func idOf(text string) engram.ChunkID { return engram.IDOf(sha256.Sum256([]byte(text))) }

func open(id engram.ChunkID, text string) *engram.Chunk {
	return engram.NewChunk(id, io.NopCloser(strings.NewReader(text)), 1<<20)
}

func TestAGoodChunkEndsWithEOF(t *testing.T) {
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"whole":          func(r io.Reader) io.Reader { return r },
		"byte by byte":   iotest.OneByteReader,
		"EOF with bytes": iotest.DataErrReader,
	} {
		c := engram.NewChunk(idOf(chunkText), io.NopCloser(wrap(strings.NewReader(chunkText))), 1<<20)
		if c.Verified() {
			t.Errorf("%s: verified before it was read", name)
		}
		got, err := io.ReadAll(c)
		if err != nil || string(got) != chunkText {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if !c.Verified() || c.Size() != int64(len(chunkText)) || c.Sum() != sha256.Sum256([]byte(chunkText)) {
			t.Errorf("%s: verified %t, size %d", name, c.Verified(), c.Size())
		}
	}
}

func TestDamageNeverEndsWithEOF(t *testing.T) {
	wrong := strings.Replace(chunkText, "/d", "/e", 1)
	for name, tc := range map[string]struct {
		text, reason string
	}{
		"empty":         {"", "too early"},
		"cut":           {chunkText[:40], "too early"},
		"not an object": {`[1]`, "not exactly one JSON object"},
		"leading blank": {" {}", "not exactly one JSON object"},
		"text behind":   {"{}\n x", "something follows"},
		"two objects":   {"{}{}", "something follows"},
		// The id fits these bytes, and yet they would put a member of their own into a push envelope.
		"injected member": {`{},"chunk_id":"ffffffff"`, "something follows"},
		"too big":         {`{"a":"` + strings.Repeat("x", 1<<20) + `"}`, "more than 1048576 bytes"},
	} {
		c := open(idOf(tc.text), tc.text)
		_, err := io.ReadAll(c)
		if !errors.Is(err, engram.ErrDamaged) || !strings.Contains(err.Error(), tc.reason) || c.Verified() {
			t.Errorf("%s: got %v, want damage: %q", name, err, tc.reason)
		}
		if _, again := c.Read(make([]byte, 1)); !errors.Is(again, engram.ErrDamaged) {
			t.Errorf("%s: the error did not stay: %v", name, again)
		}
	}
	var mismatch *engram.MismatchError
	if _, err := io.ReadAll(open(idOf(chunkText), wrong)); !errors.As(err, &mismatch) || mismatch.Actual != idOf(wrong) {
		t.Errorf("got %v, want a mismatch that names the real hash", err)
	}
}

// What an editor puts behind the object is a part of the bytes, whoever holds it back.
func TestWhiteSpaceBehindTheObjectBelongsToIt(t *testing.T) {
	for _, space := range []string{"\n", "\r\n", " \t\n\n"} {
		text := chunkText + space
		c := engram.NewChunk(idOf(text), io.NopCloser(iotest.OneByteReader(strings.NewReader(text))), 1<<20)
		if got, err := io.ReadAll(c); err != nil || string(got) != text || !c.Verified() {
			t.Errorf("%q: %q, %v", space, got, err)
		}
		src := tailed{strings.NewReader(chunkText), space}
		c = engram.NewChunk(idOf(text), src, 1<<20)
		got, err := io.ReadAll(iotest.OneByteReader(c))
		if err != nil || string(got) != text || !c.Verified() || c.Sum() != sha256.Sum256([]byte(text)) {
			t.Errorf("%q held back: %q, %v", space, got, err)
		}
		src.Reader = strings.NewReader(chunkText)
		c = engram.NewChunk(idOf(chunkText), src, 1<<20)
		if got, err := io.ReadAll(c); err != nil || string(got) != chunkText {
			t.Errorf("%q that is not its own: %q, %v", space, got, err)
		}
	}
	wrong := engram.NewChunk(idOf("{}"), tailed{strings.NewReader(chunkText), "\n"}, 1<<20)
	var mismatch *engram.MismatchError
	if _, err := io.ReadAll(wrong); !errors.As(err, &mismatch) || mismatch.Actual != idOf(chunkText) {
		t.Errorf("got %v, want a mismatch that names the hash without it", err)
	}
}

type tailed struct {
	io.Reader
	tail string
}

func (t tailed) Tail() []byte { return []byte(t.tail) }
func (tailed) Close() error   { return nil }

func TestErrorsOfTheSourcePassThrough(t *testing.T) {
	broken := errors.New("disk on fire")
	src := io.MultiReader(strings.NewReader(chunkText[:20]), iotest.ErrReader(broken))
	c := engram.NewChunk(idOf(chunkText), io.NopCloser(src), 1<<20)
	if _, err := io.ReadAll(c); !errors.Is(err, broken) || errors.Is(err, engram.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func TestAddressChunkGetsTheNameOfItsBytes(t *testing.T) {
	c := engram.AddressChunk(io.NopCloser(strings.NewReader(chunkText)), 1<<20)
	if !c.ID().IsZero() {
		t.Error("it had a name before it was read")
	}
	if _, err := io.Copy(io.Discard, c); err != nil || c.ID() != idOf(chunkText) {
		t.Errorf("got %v, %v", c.ID(), err)
	}
}

func TestReadContentsCountsRows(t *testing.T) {
	text := `{"sessions":[{"id":"a","started_at":"2026-11-22 09:14:57"}],"observations":[{"id":1,"session_id":"a","updated_at":"2026-11-22 09:15:09"},{"id":2,"session_id":"b","deleted_at":"x"}],"prompts":[{"id":1,"session_id":"a"}],"mutations":[{"seq":1}]}`
	c, err := engram.ReadContents(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if c.Sessions != 1 || c.Memories != 2 || c.Prompts != 1 {
		t.Errorf("counted %d, %d, %d", c.Sessions, c.Memories, c.Prompts)
	}
	if got := engram.FormatTime(c.Newest); got != "2026-11-22T09:15:09Z" {
		t.Errorf("newest row: %s", got)
	}
	if _, err := engram.ReadContents(open(idOf("{}"), text)); !errors.Is(err, engram.ErrDamaged) {
		t.Errorf("the end of a damaged chunk was not seen: %v", err)
	}
	for _, bad := range []string{`[]`, `{"sessions":3}`, `{"prompts":[3]}`, `{`} {
		if _, err := engram.ReadContents(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// FuzzChunk: whatever the bytes, EOF comes only for one JSON object with the right hash.
func FuzzChunk(f *testing.F) {
	f.Add([]byte(chunkText))
	f.Add([]byte(`{},"chunk_id":"ffffffff"`))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := engram.NewChunk(engram.IDOf(sha256.Sum256(text)), io.NopCloser(bytes.NewReader(text)), 1<<20)
		_, err := io.Copy(io.Discard, c)
		object := len(text) > 0 && text[0] == '{' && jsonValid(text)
		if (err == nil) != object {
			t.Errorf("%q: got %v", text, err)
		}
	})
}
