package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/engram-sync/engram-sync/internal/server/limits"
)

// The cost of a hash: argon2id with 19 MiB and two passes takes about as long
// as OWASP advises, and four at once fit into a small machine.
const (
	hashMemory   = 19 << 10 // KiB
	hashPasses   = 2
	hashThreads  = 1
	hashSize     = 32
	saltSize     = 16
	hashesAtOnce = 4
	hashesEach   = 2

	hashesMayWait = 16 // of a client
)

// hashFormat is the customary text for such hashes, so that the cost can be
// raised later without voiding passwords.
const hashFormat = "$argon2id$v=%d$m=%d,t=%d,p=%d$"

// Passwords hashes and compares passwords, no byte of which is ignored. It
// bounds how many it works on at once, since each takes 19 MiB: of one client fewer, so that nobody
// waits for one who tries many. The error is limits.ErrBusy where too many wait.
type Passwords struct {
	turns *limits.Turns
}

// NewPasswords makes one whose work is bounded by itself.
func NewPasswords() *Passwords {
	return &Passwords{limits.NewTurns(hashesAtOnce, hashesEach, hashesMayWait)}
}

// Hash gives the text to store for a password. It waits for its turn; ctx
// bounds the wait.
func (p *Passwords) Hash(ctx context.Context, client, password string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	sum, err := p.sum(ctx, client, password, ourHash(salt))
	if err != nil {
		return "", err
	}
	prefix := fmt.Sprintf(hashFormat, argon2.Version, hashMemory, hashPasses, hashThreads)
	encode := base64.RawStdEncoding.EncodeToString
	return prefix + encode(salt) + "$" + encode(sum), nil
}

// Fits says whether password belongs to a stored hash. An empty hash fits no
// password, and takes as long, so that the time does not tell who exists.
func (p *Passwords) Fits(ctx context.Context, client, password, stored string) (bool, error) {
	want := ourHash(make([]byte, saltSize))
	if stored != "" {
		var err error
		if want, err = parseHash(stored); err != nil {
			return false, err
		}
	}
	sum, err := p.sum(ctx, client, password, want)
	if err != nil {
		return false, err
	}
	return stored != "" && subtle.ConstantTimeCompare(sum, want.sum) == 1, nil
}

func (p *Passwords) sum(ctx context.Context, client, password string, h parsedHash) ([]byte, error) {
	leave, err := p.turns.Take(ctx, client)
	if err != nil {
		return nil, err
	}
	defer leave()
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, hashSize), nil
}

type parsedHash struct {
	memory, passes uint32
	threads        uint8
	salt, sum      []byte
}

// ourHash has the cost of new hashes.
func ourHash(salt []byte) parsedHash {
	return parsedHash{hashMemory, hashPasses, hashThreads, salt, nil}
}

// parseHash reads what Hash wrote. It does not repeat the text in errors.
func parseHash(stored string) (parsedHash, error) {
	var h parsedHash
	var version int
	// "", "argon2id", version, cost, salt, sum
	fields := strings.Split(stored, "$")
	if len(fields) != 6 {
		return h, fmt.Errorf("read a password hash: %d fields", len(fields))
	}
	head := strings.Join(fields[:4], "$") + "$"
	if _, err := fmt.Sscanf(head, hashFormat, &version, &h.memory, &h.passes, &h.threads); err != nil {
		return h, fmt.Errorf("read a password hash: its cost: %w", err)
	}
	if version != argon2.Version || h.passes < 1 || h.threads < 1 {
		return h, fmt.Errorf("read a password hash: version %d is unknown, or its cost is", version)
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(fields[4]); err != nil {
		return h, fmt.Errorf("read a password hash: its salt: %w", err)
	}
	if h.sum, err = base64.RawStdEncoding.DecodeString(fields[5]); err != nil {
		return h, fmt.Errorf("read a password hash: its sum: %w", err)
	}
	return h, nil
}
