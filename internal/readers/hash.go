package readers

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// Key is what a Chunk hashes texts with. Whoever does not know it cannot write two texts
// that look the same. Chunks that are judged together have the same.
type Key [4]uint64

// NewKey gives a key that nobody knows.
func NewKey() (k Key) {
	var secret [len(k) * 8]byte
	_, _ = rand.Read(secret[:]) // which never fails
	return KeyOf(secret)
}

// KeyOf is the key that a secret is, for who keeps what was hashed.
func KeyOf(secret [32]byte) (k Key) {
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(secret[i*8:])
	}
	return k
}

// hash stands for a text.
type hash uint64

// noText is the hash of "".
const noText hash = 0

// hash multiplies the text, word by word, with what came before and with what nobody
// knows: the texts of a chunk are long, and are read once.
func (k *Key) hash(text []byte) hash {
	if len(text) == 0 {
		return noText
	}
	sum, size := k[0], uint64(len(text))
	for ; len(text) >= 16; text = text[16:] {
		sum = mixed(binary.LittleEndian.Uint64(text)^k[1], binary.LittleEndian.Uint64(text[8:])^sum)
	}
	var rest [16]byte
	copy(rest[:], text)
	sum = mixed(binary.LittleEndian.Uint64(rest[:])^k[2], binary.LittleEndian.Uint64(rest[8:])^sum)
	return hash(mixed(sum^k[3], size^k[1]))
}

func mixed(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
