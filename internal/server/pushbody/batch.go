package pushbody

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Depths of a batch's values: {"mutations":[{"op":"..."}]}.
const (
	depthBatch = iota
	depthMutations
	depthMutation
	depthMutationField
)

// mutationFields are the members of a mutation that are stored. Others are
// ignored. Source: account-server.md 4.1.
var mutationFields = []string{"entity", "entity_key", "op", "payload"}

// batchParser finds the mutations in a body. Names match as for EnvelopeParser,
// and as there none may stand twice in its object.
type batchParser struct {
	body []byte
	scan *jsonscan.Scanner
	sum  hash.Hash
	out  []store.Mutation

	seen   bool // mutations
	inList bool // in mutations
	row    [4][]byte
	field  int // of row, -1 for others
	start  int64
}

// MaxMutations is how many a batch may have: engram 1.9.4 sends 100 at once, engram-sync 1,000.
const MaxMutations = 10_000

// ErrTooMany says that a batch has more than MaxMutations. In 10 MB there could be 600,000.
var ErrTooMany = fmt.Errorf("a batch may have at most %d mutations", MaxMutations)

// RowCounter counts the mutations of a body while it comes in, so that nobody has to take in, or
// keep, more of one that is refused anyway. Make one with NewRowCounter.
type RowCounter struct {
	scan   *jsonscan.Scanner
	inList bool
	rows   int
}

func NewRowCounter() *RowCounter { return &RowCounter{scan: jsonscan.New(depthMutation)} }

// Feed takes in the next piece of the body. The error is ErrTooMany; what else is wrong with the body
// ParseBatch says.
func (c *RowCounter) Feed(piece []byte) error {
	for len(piece) > 0 {
		rest, event, ok := c.next(piece)
		if !ok {
			break
		}
		piece = rest
		switch depth := c.scan.Depth(); {
		case event == jsonscan.Key && depth == depthMutations:
			name, _ := jsonscan.Unquote(c.scan.Key()) // what cannot be read is none of ours
			c.inList = jsonscan.Alike(name, batchMembers) != ""
		case event == jsonscan.End && depth == depthMutation && c.inList:
			if c.rows++; c.rows > MaxMutations {
				return ErrTooMany
			}
		}
	}
	return nil
}

func (c *RowCounter) next(piece []byte) (rest []byte, event jsonscan.Event, ok bool) {
	n, event, err := c.scan.Next(piece)
	return piece[n:], event, err == nil
}

var batchMembers = []string{"mutations"}

// ParseBatch takes the body of a push of mutations apart; the payloads are parts
// of it. An error is an *Error, which names the first bad mutation by its place.
func ParseBatch(body []byte) (store.Batch, error) {
	p := &batchParser{body: body, scan: jsonscan.New(depthMutationField), sum: sha256.New()}
	for rest := body; len(rest) > 0; {
		n, event, err := p.scan.Next(rest)
		if err != nil {
			return store.Batch{}, invalidJSON(err)
		}
		rest = rest[n:]
		if err := tell(p, event); err != nil {
			return store.Batch{}, p.failure(err)
		}
	}
	if err := p.scan.Close(); err != nil {
		return store.Batch{}, invalidJSON(err)
	}
	return store.Batch{Mutations: p.out, SHA256: hex.EncodeToString(p.sum.Sum(nil))}, nil
}

func (p *batchParser) failure(err error) error {
	if p.scan.Depth() < depthMutation {
		return invalidJSON(err)
	}
	return failure("mutations[%d]: %v", len(p.out), err)
}

func (p *batchParser) key() error {
	name, _ := jsonscan.Unquote(p.scan.Key()) // what cannot be read is none of ours
	switch p.scan.Depth() {
	case depthMutations:
		p.inList = jsonscan.Alike(name, batchMembers) != ""
		if p.inList && p.seen {
			return errors.New("member mutations stands twice")
		}
		p.seen = p.seen || p.inList
	case depthMutationField:
		p.field = slices.Index(mutationFields, jsonscan.Alike(name, mutationFields))
		if p.inList && p.field >= 0 && p.row[p.field] != nil {
			return errors.New("member " + mutationFields[p.field] + " stands twice")
		}
	}
	return nil
}

func (p *batchParser) begin() error {
	kind := p.scan.Kind()
	switch depth := p.scan.Depth(); {
	case depth == depthBatch:
		return want(jsonscan.Object, kind, "the request")
	case !p.inList:
	case depth == depthMutations:
		return want(jsonscan.Array, kind, "mutations")
	case depth == depthMutation:
		p.row = [4][]byte{}
		return want(jsonscan.Object, kind, "it")
	case depth == depthMutationField:
		p.start = p.scan.Offset()
	}
	return nil
}

func (p *batchParser) end() error {
	switch depth := p.scan.Depth(); {
	case !p.inList:
	case depth == depthMutationField && p.field >= 0:
		p.row[p.field] = p.body[p.start:p.scan.Offset()]
	case depth == depthMutation:
		return p.endMutation()
	}
	return nil
}

func (p *batchParser) endMutation() error {
	var texts [3]string
	for i := range texts {
		var err error
		if texts[i], err = decodeText(mutationFields[i], p.row[i]); err != nil {
			return err
		}
	}
	payload := p.row[3]
	if err := checkPayload(payload); err != nil {
		return err
	}
	p.out = append(p.out, store.Mutation{Entity: texts[0], EntityKey: texts[1], Op: texts[2], Payload: payload})
	// With their lengths, so that no two batches hash the same bytes.
	for _, text := range [...][]byte{[]byte(texts[0]), []byte(texts[1]), []byte(texts[2]), payload} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(text)))
		p.sum.Write(size[:])
		p.sum.Write(text)
	}
	return nil
}

var projectMember = []string{"project"}

// checkPayload refuses what the reference server has no good answer for, and
// what no reader of the journal could take. A payload is an object, null, or a
// string that holds either as JSON text, with the same rule for its project
// member as there. Source: account-server.md 4.1 and 10.
func checkPayload(raw []byte) error {
	if raw == nil {
		return errors.New("payload is missing")
	}
	if err := checkEncoded(raw); err != nil {
		return errors.New("payload " + err.Error())
	}
	object := raw
	if raw[0] == '"' {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		object = bytes.Trim([]byte(text), " \t\r\n")
	}
	if string(object) == "null" {
		return nil
	}
	bad := false
	isObject := len(object) > 0 && object[0] == '{' && jsonscan.EachMember(object, func(name string, kind jsonscan.Kind) {
		isText := kind == jsonscan.String || kind == jsonscan.Null
		bad = bad || !isText && jsonscan.Alike(name, projectMember) != ""
	})
	switch {
	case !isObject:
		return errors.New("payload must be an object, a string that holds one, or null")
	case bad:
		return errors.New("the payload's project must be a string")
	}
	return nil
}

// decodeText gives the string that raw is. As on the reference server, absent
// and null are "".
func decodeText(name string, raw []byte) (string, error) {
	if raw == nil || string(raw) == "null" {
		return "", nil
	}
	if raw[0] != '"' {
		return "", errors.New(name + " must be a string")
	}
	if err := checkEncoded(raw); err != nil {
		return "", errors.New(name + " " + err.Error())
	}
	return jsonscan.Unquote(raw[1 : len(raw)-1])
}

// checkEncoded says what is wrong with the strings in a JSON value.
func checkEncoded(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("is not valid UTF-8")
	}
	err := jsonscan.CheckEscapes(raw)
	switch {
	case errors.Is(err, jsonscan.ErrNul):
		return errors.New("contains a NUL character")
	case err != nil:
		return errors.New("contains a lone surrogate")
	}
	return nil
}
