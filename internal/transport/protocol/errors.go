package protocol

import (
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// ErrOtherKind means that a server answered as one of the other kind does, and has
// applied nothing.
var ErrOtherKind = errors.New("the answer is that of another kind of server")

// TooLargeError is a chunk that the server's limit keeps out for good.
type TooLargeError struct {
	ID    engram.ChunkID
	Limit int64 // of the whole push, in bytes
}

func (e *TooLargeError) Error() string {
	if e.Limit == 0 {
		return fmt.Sprintf("chunk %s is too large for the server", e.ID)
	}
	return fmt.Sprintf("chunk %s is too large: the server takes at most %s in one push", e.ID, bytesAndMiB(e.Limit))
}

// Unwrap gives ErrRefused.
func (e *TooLargeError) Unwrap() error { return httplayer.ErrRefused }

// bytesAndMiB is a size to compare with others and with settings.
func bytesAndMiB(n int64) string {
	if n == 0 || n%(1<<20) != 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d bytes (%d MiB)", n, n>>20)
}
