package migrate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// digest is a hash over records of one kind, which are so many.
type digest struct {
	hash hash.Hash
	n    int
}

func newDigest() digest { return digest{hash: sha256.New()} }

// text adds one, with its length before it: no two lists of texts give the same.
func (d *digest) text(text []byte) {
	d.number(int64(len(text)))
	d.hash.Write(text)
}

func (d *digest) number(n int64) {
	d.hash.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func (d *digest) row(r store.JournalRow) {
	d.n++
	d.number(r.Seq)
	d.number(r.OccurredAt.UnixMicro())
	for _, text := range []string{r.Entity, r.EntityKey, r.Op} {
		d.text([]byte(text))
	}
	d.text(r.Payload)
}

func (d *digest) batch(b store.KeyedBatch) {
	d.n++
	d.text([]byte(b.Key))
	d.text([]byte(b.SHA256))
	d.number(int64(b.Accepted))
	d.number(b.LastSeq)
}

func (d *digest) sum() (sum [32]byte) {
	copy(sum[:], d.hash.Sum(nil))
	return sum
}

// checked reads so many bytes, and ends with an error, not with the last of them, unless
// they have this hash.
type checked struct {
	from io.Reader
	left int64
	want string // in hex
	hash hash.Hash
}

func newChecked(from io.Reader, c store.ChunkRecord) *checked {
	return &checked{from, c.Size, c.BodySHA256, sha256.New()}
}

func (r *checked) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.hash.Write(p[:n])
	r.left -= int64(n)
	if r.left == 0 {
		if got := hex.EncodeToString(r.hash.Sum(nil)); got != r.want {
			return 0, store.WithKind(store.ErrDamaged, fmt.Errorf("its body has the hash %s instead of %s", got, r.want))
		}
	}
	return n, err
}
