// Package source reads the mutations that can be pushed where people have them: in
// JSON Lines, and in engram's database. The commands for mutations open one, look
// through it, and hand it to package journal.
package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/journal"
)

// Source is a source of mutations that is known again when it comes again.
type Source interface {
	journal.Source
	// Name is what to call it.
	Name() string
	// Group is the hash of how it begins, as others can.
	Group() [32]byte
	// Check looks through it as far as has to be done before anything is sent.
	// jobs are those that may be about it.
	Check(ctx context.Context, jobs []*journal.Job) error
	// Matches says whether the source has the row with this hash at a position.
	// It is asked about positions of the jobs of a Check.
	Matches(ctx context.Context, position int64, hash journal.RowHash) (bool, error)
	Close() error
}

// ErrDirectory says that a name is that of a directory.
var ErrDirectory = errors.New("is a directory")

// ErrChanged says that a file was changed while it was read.
var ErrChanged = errors.New("the file changed while it was read")

// NotTheSame says why a source is not the one that it was before.
func NotTheSame(s Source, why string) error {
	return fmt.Errorf("%s: %w: %s", s.Name(), journal.ErrOtherSource, why)
}
