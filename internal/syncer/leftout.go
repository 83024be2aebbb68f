package syncer

import (
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/refused"
	"github.com/engram-sync/engram-sync/internal/work"
)

// LeftOutError says that rows of a chunk were not sent, since the server would
// have refused the whole chunk because of them.
type LeftOutError struct {
	ID   engram.ChunkID
	Rows []engram.RowNote
	// Alone says that nothing else of the run went, or is there.
	Alone bool
}

func (e *LeftOutError) Error() string {
	return fmt.Sprintf("chunk %s: left out what the server would refuse: %s", e.ID, refused.Causes(e.Rows))
}

// LeftOut is a failure for each chunk of which rows stay here that nobody has
// accepted. On every run, until they are there: what is not told again is taken
// for done. others is how much else went, or is there.
func (s *Diff) LeftOut(opts Options, others int) []work.Failure {
	var failed []work.Failure
	for _, b := range s.Omitted {
		if len(b.LeftOut) > 0 && opts.wants(b.ID) {
			err := &LeftOutError{ID: b.ID, Rows: b.LeftOut, Alone: others == 0}
			failed = append(failed, work.Failure{ID: b.ID.String(), Direction: work.Pushed, Err: err})
		}
	}
	return failed
}
