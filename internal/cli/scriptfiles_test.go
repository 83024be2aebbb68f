package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

func cmdFixture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fixture VERSION DIR")
	}
	from := fixtures.ChunkDir(args[0])
	ts.Check(os.CopyFS(filepath.Join(ts.MkAbs(args[1]), ".engram"), os.DirFS(from)))
}

func cmdCase(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: case NAME DIR")
	}
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(fixtures.Case(args[0]))))
}

func cmdDatabase(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: database VERSION FILE")
	}
	content, err := os.ReadFile(fixtures.Database(args[0]))
	ts.Check(err)
	path := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, content, 0o600))
}

func cmdChunkFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: chunkfile DIR JSON-FILE VAR")
	}
	content := []byte(strings.TrimSuffix(ts.ReadFile(args[1]), "\n"))
	id, err := storeChunk(ts.MkAbs(args[0]), content)
	ts.Check(err)
	ts.Setenv(args[2], id)
}

func cmdBigChunk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: bigchunk DIR VAR BYTES...")
	}
	var sizes []int
	for _, arg := range args[2:] {
		n, err := strconv.Atoi(arg)
		ts.Check(err)
		sizes = append(sizes, n)
	}
	id, err := storeChunk(ts.MkAbs(args[0]), chunkOf(sizes))
	ts.Check(err)
	ts.Setenv(args[1], id)
}

// slicesOf is a text of n letters between two others.
func slicesOf(before string, n int, after string) []byte {
	return append(append([]byte(before), bytes.Repeat([]byte("m"), n)...), after...)
}

// chunkOf is a chunk with a memory of each size.
func chunkOf(sizes []int) []byte {
	var content bytes.Buffer
	content.WriteString(`{"sessions":[{"id":"s","directory":"/w"}],"observations":[`)
	for i, n := range sizes {
		if i > 0 {
			content.WriteByte(',')
		}
		content.Write(slicesOf(fmt.Sprintf(`{"sync_id":"o%d","session_id":"s","scope":"project","type":"note","title":"t","content":"`, i), n, `"}`))
	}
	content.WriteString(`],"prompts":[]}`)
	return content.Bytes()
}

func cmdTruncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE BYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

// longAgo is when files were changed last that a story calls old.
var longAgo = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)

func cmdOld(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: old PATTERN")
	}
	for _, file := range filesLike(ts, args[0]) {
		ts.Check(os.Chtimes(file, longAgo, longAgo))
	}
}

// cmdRot changes a byte of files as a bad disk does: in place, and at no time.
func cmdRot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: rot PATTERN")
	}
	for _, file := range filesLike(ts, args[0]) {
		info, err := os.Stat(file)
		ts.Check(err)
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		ts.Check(err)
		at, one := info.Size()/2, make([]byte, 1)
		_, err = f.ReadAt(one, at)
		one[0] ^= 0x10
		_, writeErr := f.WriteAt(one, at)
		ts.Check(errors.Join(err, writeErr, f.Close(), os.Chtimes(file, info.ModTime(), info.ModTime())))
	}
}

func filesLike(ts *testscript.TestScript, pattern string) []string {
	files, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no file is like %s", pattern)
	}
	return files
}

func cmdManifestFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: manifestfor DIR ID...")
	}
	ts.Check(storeManifest(ts.MkAbs(args[0]), args[1:]))
}

func cmdHoldLock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: holdlock DIR, or holdlock off")
	}
	locks := ts.Value("locks").(map[string]func() error)
	if args[0] == "off" {
		ts.Check(locks["held"]())
		delete(locks, "held")
		return
	}
	state := filepath.Join(ts.Getenv("XDG_STATE_HOME"), "engram-sync")
	dir, err := chunkdir.Open(ts.MkAbs(args[0]), chunkdir.Options{StateDir: state})
	ts.Check(err)
	locks["held"], err = dir.Lock(context.Background(), time.Duration(0), "story")
	ts.Check(err)
	ts.Defer(func() {
		if unlock := locks["held"]; unlock != nil {
			_ = unlock() // the story is over
		}
	})
}

// storeManifest writes a manifest with an entry for each id.
func storeManifest(dir string, ids []string) error {
	entries := make([]string, len(ids))
	for i, id := range ids {
		entries[i] = fmt.Sprintf(`{"id":%q,"created_by":"vm","created_at":"2026-11-22T09:15:00Z","sessions":0,"memories":0,"prompts":0}`, id)
	}
	text := fmt.Sprintf(`{"version":1,"chunks":[%s]}`, strings.Join(entries, ","))
	return os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(text), 0o644)
}
