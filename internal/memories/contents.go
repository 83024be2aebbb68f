package memories

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// contents keeps the rows that a search found, encoded as a chunk has them: the last
// ones in memory, and all others in a file of our own, since they can be many more than
// should be in memory at once.
type contents struct {
	file *os.File // nil as long as all are in tail
	tail []byte
	at   int64 // where tail begins
}

// span is where the text of a row stands.
type span struct {
	at   int64
	size int32
}

// tailBytes is how much of the rows is in memory.
const tailBytes = 4 << 20

func (c *contents) add(row any) (span, error) {
	text, err := json.Marshal(row)
	if err != nil {
		return span{}, fmt.Errorf("encode a row: %w", err)
	}
	if len(c.tail) > 0 && len(c.tail)+len(text) > tailBytes {
		if err := c.flush(); err != nil {
			return span{}, fmt.Errorf("put rows aside: %w", err)
		}
	}
	s := span{c.at + int64(len(c.tail)), int32(len(text))}
	c.tail = append(c.tail, text...)
	return s, nil
}

// flush writes to a file that only we can read, and which has no name where the
// system can do that, so that no crash leaves it behind.
func (c *contents) flush() (err error) {
	if c.file == nil {
		if c.file, err = os.CreateTemp("", "engram-sync-rows-"); err != nil { // mode 0600
			return err
		}
		_ = sharing.Remove(c.file.Name()) // else Close does it
	}
	n, err := c.file.Write(c.tail)
	c.at += int64(n)
	c.tail = c.tail[:0]
	return err
}

// append adds the text of a row to dst.
func (c *contents) append(dst []byte, s span) ([]byte, error) {
	if s.at >= c.at {
		from := s.at - c.at
		return append(dst, c.tail[from:from+int64(s.size)]...), nil
	}
	end := len(dst)
	dst = append(dst, make([]byte, s.size)...)
	if _, err := c.file.ReadAt(dst[end:], s.at); err != nil {
		return nil, fmt.Errorf("read rows that were put aside: %w", err)
	}
	return dst, nil
}

func (c *contents) close() error {
	if c.file == nil {
		return nil
	}
	name := c.file.Name()
	err := c.file.Close()
	_ = sharing.Remove(name) // it may be gone already
	c.file = nil
	return err
}
