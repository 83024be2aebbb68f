package pushbody

import (
	"errors"
	"io"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// ErrManyRows says that content has more rows than its reader wants.
var ErrManyRows = errors.New("it has too many rows")

// Data reads the content out of the body of a push that was kept, byte for byte. A body without content is empty.
type Data struct {
	src  io.Reader
	rows int // that may still come

	scan *jsonscan.Scanner
	data bool // the member at hand is data
	in   bool // its value has begun
	tail bool // nothing but white space has come since its end

	buf   [32 << 10]byte
	left  []byte // of buf
	space []byte
	err   error
}

// maxSpace bounds the white space behind content that may belong to it.
const maxSpace = 4 << 10

// NewData makes one for a body whose content has at most so many rows, or other values at their depth: else it fails with ErrManyRows.
func NewData(body io.Reader, rows int) *Data {
	return &Data{src: body, rows: rows, scan: jsonscan.New(depthRow)}
}

// Close implements io.Closer. There is nothing to close.
func (d *Data) Close() error { return nil }

// Tail implements engram.Tailed: the white space behind the content may be its end.
func (d *Data) Tail() []byte { return d.space }

func (d *Data) Read(p []byte) (given int, err error) {
	for given == 0 && len(p) > 0 {
		if len(d.left) == 0 {
			if d.err != nil {
				return 0, d.err
			}
			var n int
			n, d.err = d.src.Read(d.buf[:])
			d.left = d.buf[:n]
			continue
		}
		window := d.left
		if d.in {
			window = window[:min(len(window), len(p))]
		}
		n, event, err := d.scan.Next(window)
		if err != nil {
			d.left, d.err = nil, invalidJSON(err)
			return 0, d.err
		}
		d.left = d.left[n:]
		switch {
		case d.in:
			given = copy(p, window[:n])
		case d.tail:
			d.keep(window[:n])
		}
		if err := tell(d, event); err != nil {
			d.left, d.err = nil, err
			return 0, err
		}
	}
	return given, nil
}

// keep takes in white space, up to the first byte that is none.
func (d *Data) keep(text []byte) {
	for _, c := range text {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' || len(d.space) == maxSpace {
			d.tail = false
			return
		}
		d.space = append(d.space, c)
	}
}

func (d *Data) key() error {
	if d.scan.Depth() == depthMember {
		name, _ := jsonscan.Unquote(d.scan.Key()) // what cannot be read is none of ours
		d.data = jsonscan.Alike(name, envelopeMembers) == "data"
	}
	return nil
}

func (d *Data) begin() error {
	switch d.scan.Depth() {
	case depthMember:
		d.in = d.data && d.scan.Kind() == jsonscan.Object
	case depthRow:
		if d.in {
			d.rows--
		}
		if d.rows < 0 {
			return ErrManyRows
		}
	}
	return nil
}

func (d *Data) end() error {
	if d.scan.Depth() == depthMember {
		d.in, d.tail = false, d.in
	}
	return nil
}
