package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Rejects is a file of mutations that could not be pushed, as JSON Lines:
// {"line":N,"reason":"...","mutation":{...}}, or "seq" for rows of a database.
// It is made when there is something to put into it. Not safe for concurrent use.
type Rejects struct {
	path string
	file *os.File
	have map[[sha256.Size]byte]bool // what the file has, by the hash of its key
}

// reject is a line of the file.
type reject struct {
	Line     int64           `json:"line,omitempty"`
	Seq      int64           `json:"seq,omitempty"`
	Reason   string          `json:"reason"`
	Mutation json.RawMessage `json:"mutation"`
}

// key is a hash of the place and the mutation.
func (r reject) key() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %d %s", r.Line, r.Seq, r.Mutation))
}

// NewRejects gives the file at path, which need not exist.
func NewRejects(path string) *Rejects { return &Rejects{path: path} }

// Path is the file's path.
func (r *Rejects) Path() string { return r.path }

// AddLine puts down a mutation that stands in a line of a file. It is on disk
// when AddLine returns. What is there already is not added again.
func (r *Rejects) AddLine(line int64, e engram.MutationEntry, reason error) error {
	return r.add(reject{Line: line, Reason: reason.Error(), Mutation: encodeMutation(e)})
}

// AddSeq is AddLine for a row of engram's database.
func (r *Rejects) AddSeq(seq int64, e engram.MutationEntry, reason error) error {
	return r.add(reject{Seq: seq, Reason: reason.Error(), Mutation: encodeMutation(e)})
}

func (r *Rejects) add(line reject) error {
	err := r.open()
	if err == nil && r.have[line.key()] {
		return nil
	}
	if err == nil {
		_, err = r.file.Write(encode(line))
	}
	if err == nil {
		err = r.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("put down a mutation that cannot be pushed: %w", err)
	}
	r.have[line.key()] = true
	return nil
}

// ReadRejects gives what a file of rejects holds, as far as it is lines of ours: the
// place in the source, and the mutation. A file that is not there holds nothing.
func ReadRejects(path string, each func(position int64, e engram.MutationEntry)) error {
	file, err := sharing.Open(path)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what was rejected before: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	for in := bufio.NewReader(file); ; {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // a line that is not whole is one that a kill cut off
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what was rejected before: %w", err)
		}
		var line reject
		if !isOurs(text) || json.Unmarshal(text, &line) != nil {
			continue
		}
		if e, err := engram.ParseMutation(line.Mutation); err == nil {
			each(line.Line+line.Seq, e)
		}
	}
}

// open reads what the file has, and opens it for appending.
func (r *Rejects) open() (err error) {
	if r.file != nil {
		return nil
	}
	file, err := sharing.OpenFile(r.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	r.have = map[[sha256.Size]byte]bool{}
	end, err := r.read(file)
	if err != nil {
		return err
	}
	if err := file.Truncate(end); err != nil {
		return err
	}
	if _, err := file.Seek(end, io.SeekStart); err != nil {
		return err
	}
	r.file = file
	return nil
}

// read reads the lines, and gives the end of the last one. What a killed run
// left behind it is a beginning of one of ours, whose row comes again.
func (r *Rejects) read(file *os.File) (end int64, err error) {
	in := bufio.NewReader(file)
	for {
		text, err := in.ReadBytes('\n')
		torn := errors.Is(err, io.EOF)
		switch {
		case torn && len(text) > 0 && !isOurs(text):
			return 0, fmt.Errorf("%s does not end with a line break: move it away, or choose another file", r.path)
		case torn:
			return end, nil
		case err != nil:
			return 0, err
		}
		end += int64(len(text))
		var line reject
		if json.Unmarshal(text, &line) == nil {
			r.have[line.key()] = true
		}
	}
}

// isOurs says whether text is the beginning of a line of ours, or of such a
// beginning. Rows of a journal begin with a seq as well.
func isOurs(text []byte) bool {
	for _, start := range []string{`{"line":`, `{"seq":`} {
		n := min(len(start), len(text))
		if !bytes.HasPrefix(text, []byte(start[:n])) {
			continue
		}
		const reason = `,"reason":`
		rest := bytes.TrimLeft(text[n:], "0123456789")
		return bytes.HasPrefix(rest, []byte(reason[:min(len(reason), len(rest))]))
	}
	return false
}

// Close closes the file.
func (r *Rejects) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// encodeMutation writes a mutation so that it can be pushed again. A payload
// that is no JSON becomes a string.
func encodeMutation(e engram.MutationEntry) json.RawMessage {
	if !json.Valid(e.Payload) {
		e.Payload = bytes.TrimSpace(encode(string(e.Payload)))
	}
	return bytes.TrimSpace(encode(e))
}

// encode encodes a value as one line.
func encode(v any) []byte {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // neither of them can fail: they are text, numbers and JSON
	return text.Bytes()
}
