package pushbody

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"slices"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// maxCreatedBy bounds, in bytes, what each manifest repeats for a chunk.
const maxCreatedBy = 1024

// maxKept bounds the text of a string that is kept: the longest escape of a
// byte takes six.
const maxKept = 6*maxCreatedBy + 2

// EnvelopeParser reads the body of a chunk's push as it streams by, in constant
// memory. What of it the server does not know stays in its bytes only. It accepts what
// Go's decoder accepts for the reference server's types, known names in any
// letter case included, except that known members of the envelope and of its data
// may stand there only once: parsers differ in which one counts.
type EnvelopeParser struct {
	scan  *jsonscan.Scanner
	chunk store.NewChunk

	seen   []string // known members of the envelope and of data so far
	member string   // the known name at hand at each depth, "" for others
	list   string
	field  int     // index into the row's fields, -1 for others
	later  string  // the name of the field, if it is one of laterMembers
	start  int64   // of the field's value
	filled [3]bool // which of its mandatory fields the row at hand has

	keeping bool
	kept    []byte
	hashing bool
	data    hash.Hash
}

func NewEnvelopeParser() *EnvelopeParser {
	return &EnvelopeParser{scan: jsonscan.New(depthField), data: sha256.New(), chunk: store.NewChunk{Version: 1}}
}

// Feed takes in the next piece of the body. An error is an *Error, for good.
func (p *EnvelopeParser) Feed(piece []byte) error {
	for len(piece) > 0 {
		n, event, err := p.scan.Next(piece)
		if err != nil {
			return invalidJSON(err)
		}
		p.take(piece[:n])
		piece = piece[n:]
		if err := tell(p, event); err != nil {
			return invalidJSON(err)
		}
	}
	return nil
}

// Finish says what to keep, apart from the body's size and hash, when all of the
// body was fed. An error is an *Error.
func (p *EnvelopeParser) Finish() (store.NewChunk, error) {
	if err := p.scan.Close(); err != nil {
		return store.NewChunk{}, invalidJSON(err)
	}
	if !IsChunkID(p.chunk.ID) {
		return store.NewChunk{}, failure("chunk_id must be 8 hex characters")
	}
	if len(p.chunk.CreatedBy) > maxCreatedBy {
		return store.NewChunk{}, failure("created_by must be at most %d bytes", maxCreatedBy)
	}
	return p.chunk, nil
}

// take looks at bytes that the scanner has taken in.
func (p *EnvelopeParser) take(text []byte) {
	if p.hashing {
		p.data.Write(text)
	}
	if p.keeping {
		p.kept = append(p.kept, text[:min(len(text), maxKept+1-len(p.kept))]...)
	}
}

func (p *EnvelopeParser) key() error {
	name, _ := jsonscan.Unquote(p.scan.Key()) // what cannot be read is none of ours
	switch p.scan.Depth() {
	case depthMember:
		p.member = jsonscan.Alike(name, envelopeMembers)
		return p.once(p.member)
	case depthList:
		p.list = ""
		if p.member == "data" {
			p.list = jsonscan.Alike(name, dataMembers)
		}
		return p.once(p.list)
	case depthField:
		p.later = ""
		if p.member == "data" && slices.Contains(laterMembers, name) {
			p.later = name
		}
		if p.list != "" {
			fields := rowFields[p.list].names
			p.field = slices.Index(fields, jsonscan.Alike(name, fields))
		}
	}
	return nil
}

// once refuses a known member that stood there before.
func (p *EnvelopeParser) once(name string) error {
	if name == "" {
		return nil
	}
	if slices.Contains(p.seen, name) {
		return errors.New("member " + name + " stands twice")
	}
	p.seen = append(p.seen, name)
	return nil
}

func (p *EnvelopeParser) begin() error {
	kind := p.scan.Kind()
	switch p.scan.Depth() {
	case depthEnvelope:
		return want(jsonscan.Object, kind, "the request")
	case depthMember:
		return p.beginMember(kind)
	case depthList:
		if p.list != "" {
			return want(jsonscan.Array, kind, p.list)
		}
	case depthRow:
		if p.list != "" {
			p.filled = [len(p.filled)]bool{}
			return want(jsonscan.Object, kind, "an element of "+p.list)
		}
	case depthField:
		p.start = p.scan.Offset()
		if p.list != "" && p.field >= 0 {
			return want(jsonscan.String, kind, rowFields[p.list].names[p.field]+" in "+p.list)
		}
	}
	return nil
}

func (p *EnvelopeParser) beginMember(kind jsonscan.Kind) error {
	p.list = ""
	switch p.member {
	case "":
		return nil
	case "data":
		p.hashing = kind == jsonscan.Object
		return want(jsonscan.Object, kind, p.member)
	}
	p.keeping, p.kept = kind == jsonscan.String, p.kept[:0]
	return want(jsonscan.String, kind, p.member)
}

func (p *EnvelopeParser) end() error {
	switch p.scan.Depth() {
	case depthMember:
		return p.endMember()
	case depthList:
		p.list = ""
	case depthRow:
		p.countRow()
	case depthField:
		text := p.scan.Kind() == jsonscan.String && p.scan.Offset()-p.start > int64(len(`""`))
		if p.later == "disposition" || p.later != "" && text { // 2.x always writes the one, also ""
			p.chunk.Version = 2
		}
		// null leaves what an earlier member of the same name has set.
		if p.list != "" && p.field >= 0 && p.field < len(p.filled) && p.scan.Kind() == jsonscan.String {
			p.filled[p.field] = p.scan.Offset()-p.start > int64(len(`""`))
		}
	}
	return nil
}

func (p *EnvelopeParser) endMember() error {
	if p.hashing {
		p.hashing = false
		p.chunk.DataSHA256 = hex.EncodeToString(p.data.Sum(nil))
	}
	if !p.keeping {
		return nil
	}
	p.keeping = false
	if len(p.kept) > maxKept {
		return errors.New(p.member + " is too long")
	}
	target := &p.chunk.ID
	if p.member == "created_by" {
		target = &p.chunk.CreatedBy
	}
	return json.Unmarshal(p.kept, target)
}

func (p *EnvelopeParser) countRow() {
	if p.list == "" || slices.Contains(p.filled[:rowFields[p.list].mandatory], false) {
		return
	}
	switch p.list {
	case "sessions":
		p.chunk.Sessions++
	case "observations":
		p.chunk.Memories++
	case "prompts":
		p.chunk.Prompts++
	}
}
