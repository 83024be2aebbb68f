package places

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/chunktext"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// ReadFile reads a chunk file that lies anywhere. Its name proves nothing, so its bytes name the chunk.
func ReadFile(ws *workspace.Workspace, path string) ([]history.Row, engram.ChunkID, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, engram.ChunkID{}, terminal.Usagef("show %s: %w", terminal.Visible(path), errors.Unwrap(err))
	case info.IsDir():
		return nil, engram.ChunkID{}, terminal.Usagef("%s is a directory: show takes its chunks with -C or --dir", terminal.Visible(path))
	}
	f, err := sharing.Open(path)
	if err != nil {
		return nil, engram.ChunkID{}, err
	}
	defer func() { _ = f.Close() }() // only read
	return ReadStream(ws, f, path)
}

// errNoChunk says that bytes are none of a chunk.
var errNoChunk = fmt.Errorf("it is no chunk: %w", engram.ErrDamaged)

// ReadStream reads the bytes of a chunk, gzip or not. Errors begin with its name.
func ReadStream(ws *workspace.Workspace, r io.Reader, name string) ([]history.Row, engram.ChunkID, error) {
	wrong := func(err error) error { return fmt.Errorf("%s: %w", terminal.Visible(name), err) }
	in := bufio.NewReader(r)
	var content io.Reader = in
	if head, _ := in.Peek(1); string(head) != "{" {
		var err error
		if content, err = unzip(in); err != nil {
			return nil, engram.ChunkID{}, wrong(err)
		}
	}
	start := new(start)
	c := engram.AddressChunk(io.NopCloser(io.TeeReader(content, start)), maxBytes(ws))
	rows, err := history.ReadChunk(c)
	if err == nil && len(rows) == 0 && !start.lists() {
		err = errNoChunk
	}
	if err != nil {
		return nil, engram.ChunkID{}, wrong(err)
	}
	return rows, c.ID(), nil
}

// start is how a document without rows begins.
type start struct{ text []byte }

func (s *start) Write(p []byte) (int, error) {
	s.text = append(s.text, p[:min(len(p), maxStart-len(s.text))]...)
	return len(p), nil
}

// maxStart is more than a chunk without rows has, in bytes.
const maxStart = 64 << 10

// lists says whether it has a list that rows of a chunk could be in: all other JSON has no rows either.
func (s *start) lists() bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(s.text, &members) != nil {
		return len(s.text) == maxStart // who knows
	}
	return slices.ContainsFunc(chunktext.Lists(), func(list string) bool { _, has := members[list]; return has })
}

// maxBytes bounds a chunk.
func maxBytes(ws *workspace.Workspace) int64 {
	return cmp.Or(max(ws.Config.MaxChunkBytes, 0), engram.DefaultMaxChunkBytes)
}

const pointer = "version https://git-lfs"

// unzipped says of bad gzip data that it is damage.
type unzipped struct{ zip *gzip.Reader }

func (u unzipped) Read(p []byte) (int, error) {
	n, err := u.zip.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // gzip gives io.EOF itself at its end
		err = gzipDamage(err)
	}
	return n, err
}

func gzipDamage(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &engram.DamageError{Reason: "its file is cut short"}
	}
	return &engram.DamageError{Reason: "its gzip data", Err: err}
}

// Reason is what is wrong with a file, by the error of ReadFile, without its name.
func Reason(err error) string {
	for _, of := range []error{chunkdir.ErrPointer, errNoChunk} {
		if errors.Is(err, of) {
			return of.Error()
		}
	}
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	return safetext.Line(err.Error(), 200)
}
