package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// Limits on the members of an envelope besides data.
const (
	maxMembers     = 64
	maxMemberBytes = 64 << 10
	maxAround      = maxPushBytes // all that is not data: nobody could push more
)

// envelope reads the stored form of a push as a stream, and gives out the bytes
// of its data member and nothing else. It is a JSON object with chunk_id,
// created_by, data and, from us, engram_sync_entry; others are passed over. An
// envelope that could be read in two ways is refused: no member twice, none that
// differs from ours only in letter case. Source: account-server.md 3.1, 3.4 and 10.
type envelope struct {
	id  engram.ChunkID
	src io.ReadCloser

	buf      []byte
	pos, end int
	around   int64 // bytes outside of data so far
	srcEOF   bool
	scan     *jsonscan.Scanner
	name     string // of the member at hand
	names    []string
	inData   bool
	sawData  bool
	tail     []byte // white space behind data
	inTail   bool
	values   map[string][]byte // of chunk_id and engram_sync_entry
	shape    shape
	netErr   error // of the connection, as against the content
	dataErr  error // of the content, for good

	mayBeCut      bool // its end is that of the connection
	mustBeReduced bool
}

// Names of the members of an envelope.
const (
	memberChunkID   = "chunk_id"
	memberCreatedBy = "created_by"
	memberEntry     = "engram_sync_entry"
	memberData      = "data"
)

func newEnvelope(id engram.ChunkID, src io.ReadCloser) *envelope {
	return &envelope{
		id: id, src: src, buf: make([]byte, 64<<10),
		scan: jsonscan.New(rowMemberDepth), values: map[string][]byte{},
	}
}

func (e *envelope) Close() error { return e.src.Close() }

// Read gives bytes of data. It gives io.EOF only after the end of a whole and
// unambiguous envelope of the right chunk.
func (e *envelope) Read(p []byte) (int, error) {
	if e.dataErr != nil {
		return 0, e.dataErr
	}
	given := 0
	for given < len(p) {
		if e.pos == e.end {
			if err := e.fill(); err != nil {
				if given > 0 && !errors.Is(err, io.EOF) {
					return given, nil
				}
				return given, err
			}
		}
		n, err := e.advance(p[given:])
		given += n
		if err != nil {
			e.dataErr = err
			return given, err
		}
	}
	return given, nil
}

// fill reads on. io.EOF means that the envelope ended well.
func (e *envelope) fill() error {
	if e.netErr != nil {
		return e.netErr
	}
	if e.srcEOF && e.mayBeCut && !e.scan.Done() {
		e.netErr = io.ErrUnexpectedEOF
		return e.netErr
	}
	if e.srcEOF {
		e.dataErr = e.finish()
		return e.dataErr
	}
	n, err := e.src.Read(e.buf)
	e.pos, e.end = 0, n
	switch {
	case err == io.EOF:
		e.srcEOF = true
	case err != nil:
		e.netErr = err
	}
	if n > 0 {
		return nil
	}
	return e.fill()
}

// advance scans up to the next event, and gives out what of it is data.
func (e *envelope) advance(p []byte) (given int, err error) {
	window := e.buf[e.pos:e.end]
	if e.inData {
		window = window[:min(len(window), len(p))]
	}
	n, event, err := e.scan.Next(window)
	if err != nil {
		return 0, e.damage("the server's answer", err)
	}
	taken := window[:n]
	e.pos += n
	if e.inTail {
		e.takeTail(taken)
	}
	if e.inData {
		given = copy(p, taken)
	} else if e.around += int64(n); e.around > maxAround {
		return 0, e.damage(fmt.Sprintf("the server's answer has more than %d bytes besides the content", maxAround), nil)
	} else if value, ok := e.values[e.name]; ok {
		if len(value)+n > maxMemberBytes {
			return given, e.damage(fmt.Sprintf("%q is longer than %d bytes", e.name, maxMemberBytes), nil)
		}
		e.values[e.name] = append(value, taken...)
	}
	return given, e.event(event)
}

// maxTail bounds the white space behind data that may belong to it.
const maxTail = 4 << 10

// takeTail keeps the white space that follows data.
func (e *envelope) takeTail(text []byte) {
	space := text[:len(text)-len(bytes.TrimLeft(text, " \t\r\n"))]
	if e.tail = append(e.tail, space...); len(e.tail) > maxTail {
		e.tail = nil
	}
	e.inTail = len(space) == len(text) && len(e.tail) > 0
}

// Tail is the white space behind data: what a chunk ends with is there, since the
// body of a push is kept as it came. Source: account-server.md 3.2.
func (e *envelope) Tail() []byte { return e.tail }

func (e *envelope) event(event jsonscan.Event) error {
	depth := e.scan.Depth()
	switch {
	case event == jsonscan.Begin && depth == 0 && e.scan.Kind() != jsonscan.Object:
		return e.damage("the server's answer is not a JSON object", nil)
	case event == jsonscan.Key && depth == 1:
		return e.member()
	case event == jsonscan.Begin && depth == 1:
		return e.begin()
	case event == jsonscan.End && depth == 1:
		e.inTail = e.inData
		e.name, e.inData = "", false
	}
	if e.inData && !e.shape.other { // one odd thing settles it
		e.shape.event(event, e.scan)
	}
	return nil
}

// member meets the name of a member of the envelope.
func (e *envelope) member() error {
	var name string
	if err := json.Unmarshal([]byte(`"`+string(e.scan.Key())+`"`), &name); err != nil {
		return e.damage("the server's answer has a member name that can't be read", err)
	}
	like := jsonscan.Alike(name, append(e.names, memberChunkID, memberCreatedBy, memberEntry, memberData))
	if like != "" && like != name {
		return e.damage(fmt.Sprintf("%q in the server's answer is another spelling of %q", httplayer.Printable(name), httplayer.Printable(like)), nil)
	}
	if slices.Contains(e.names, name) {
		return e.damage(fmt.Sprintf("%q stands twice in the server's answer", httplayer.Printable(name)), nil)
	}
	if e.names = append(e.names, name); len(e.names) > maxMembers {
		return e.damage(fmt.Sprintf("the server's answer has more than %d members", maxMembers), nil)
	}
	e.name = name
	return nil
}

// begin meets the value of a member of the envelope.
func (e *envelope) begin() error {
	switch e.name {
	case memberData:
		if e.scan.Kind() != jsonscan.Object {
			return e.damage("the server holds no content for it", nil)
		}
		e.inData, e.sawData = true, true
	case memberChunkID, memberEntry:
		e.values[e.name] = []byte{}
	}
	return nil
}

// finish judges the envelope as a whole.
func (e *envelope) finish() error {
	if err := e.scan.Close(); err != nil {
		return e.damage("the server's answer", err)
	}
	var id string
	if err := json.Unmarshal(e.values[memberChunkID], &id); err != nil {
		return e.damage("the server's answer names no chunk", nil)
	}
	switch {
	case id != e.id.String():
		return e.damage(fmt.Sprintf("the server gave chunk %q in its place", httplayer.Printable(id)), nil)
	case !e.sawData:
		return e.damage("the server holds no content for it", nil)
	case e.mustBeReduced && !e.reduced():
		return e.damage("its bytes do not fit its id, and it does not look as if an old client had re-encoded it", nil)
	}
	return io.EOF
}

// entry is the manifest entry that the pusher sent along, if it is a good one.
func (e *envelope) entry(log *slog.Logger) *engram.ChunkEntry {
	text, ok := e.values[memberEntry]
	if !ok {
		return nil
	}
	entry, err := engram.ParseEntry(text)
	if err == nil && entry.ID != e.id {
		err = errors.New("it is about chunk " + entry.ID.String())
	}
	if err != nil {
		log.Warn("the entry that came with a chunk is not used", "chunk", e.id.String(), "reason", httplayer.Printable(err.Error()))
		return nil
	}
	return &entry
}

func (e *envelope) damage(reason string, cause error) error {
	return &engram.DamageError{ID: e.id, Reason: reason, Err: cause}
}
