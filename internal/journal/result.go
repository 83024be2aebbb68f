package journal

import "github.com/engram-sync/engram-sync/internal/mend"

// Failure is a row that did not arrive, and why.
type Failure struct {
	Position int64
	Err      error
}

// Mended is a row of which blanks were filled.
type Mended struct {
	Position int64
	Fills    []mend.Fill
}

// maxFailures bounds the rows that a result lists. All are counted, and the
// sink of rejects has them all.
const maxFailures = 1000

// PushResult is how the rows of a run ended.
type PushResult struct {
	Sent, Present, Rejected, Skipped int64
	// Standing are the rows that earlier runs rejected, and that nobody has accepted;
	// Accepted are those that somebody has, with what waited for them.
	Standing, Accepted int64
	// Deferred are the rows that wait, those of earlier runs too: for paused projects,
	// or, which are Dependent, for what a rejected row should have brought.
	Deferred, Dependent int64
	// Orphaned are those of the dependent rows whose session nobody has, or, where it is
	// Unread, perhaps the journal.
	Orphaned int64
	Unread   bool
	// Remaining are the rows that an error kept from being tried.
	Remaining int64
	// Retried are, in a plan, the rows that would be sent and were Deferred so far.
	Retried int64
	Batches int
	LastSeq int64            // of the newest row in the journal that is known; 0 if none is
	Paused  map[string]int64 // the paused projects, with the rows that they hold back
	Failed  []Failure        // the rejected rows of this run, at most a thousand of them
	Mended  []Mended         // the rows that were sent with blanks filled, at most a thousand
	// MendedRows counts them, and Fills what was filled, by field.
	MendedRows int64
	Fills      map[string]int
	// SetAside are the rows that the source itself keeps from being sent, by its word.
	SetAside map[string]int
	// Added are the sessions that went ahead of rows which need them, at most a
	// thousand, and AddedRows counts them; Stubs are those of them that nobody has.
	Added            []Added
	AddedRows, Stubs int64
	// Err is what ended the run early; nil if it went through the whole source.
	Err error
}

// add counts a session that went ahead of a row.
func (r *PushResult) add(a Added, fills []mend.Fill) {
	if r.AddedRows++; a.Stub {
		r.Stubs++
	}
	if len(r.Added) < maxFailures {
		r.Added = append(r.Added, a)
	}
	if !a.Stub {
		r.mended(Row{Position: a.Position, Fills: fills})
	}
}

func (r *PushResult) setAside(row Row) {
	if r.SetAside == nil {
		r.SetAside = map[string]int{}
	}
	r.SetAside[row.SetAside]++
}
