package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
)

// Job is what is remembered of pushing one source to one account.
type Job struct {
	// Store is where the job is kept.
	Store JobStore `json:"-"`

	Schema int    `json:"schema"`
	Source string `json:"source"` // Source.ID
	// Nonce tells the batches of a restarted job from those before.
	Nonce string `json:"nonce,omitempty"`
	// Position and Hash are those of the last row that is dealt with, as are all
	// before it, save for the deferred ones.
	Position int64   `json:"position"`
	Hash     RowHash `json:"mark"`
	// Sent counts the rows that arrived, in all runs.
	Sent int64 `json:"sent"`
	// Skipped counts the rows that were passed over because they were not for sending.
	Skipped int64 `json:"left_out,omitempty"`
	// LastSeq is the number of the journal's newest row that is known.
	LastSeq  int64     `json:"last_seq"`
	Deferred Positions `json:"parked,omitempty"`
	// Rejected are the rows that were refused; Accepted those that somebody has accepted
	// as not sent, with what needed them.
	Rejected Positions `json:"rejected,omitempty"`
	Accepted Positions `json:"accepted,omitempty"`
	// Unsent are those of the rejected ones that were never sent, since it was known
	// that they would be refused.
	Unsent Positions `json:"unsent,omitempty"`
	// SetAside are those that the source itself keeps from being sent.
	SetAside Positions `json:"set_aside,omitempty"`
	// Rejects is the file that the rejected rows were put into last.
	Rejects string `json:"rejects,omitempty"`
	// Counted says that Rejected has all that were refused: jobs of earlier releases
	// noted them in their file alone.
	Counted bool `json:"rejected_counted,omitempty"`
	// Reconciling: a run that compares with the journal has not come to its
	// end, so that positions mean nothing yet.
	Reconciling bool `json:"reconciling,omitempty"`
	// Intent is the batch that was on its way when the job was saved.
	Intent *Intent `json:"intent,omitempty"`
}

// Intent is a batch that may have been sent: it is saved before.
type Intent struct {
	Rows Positions `json:"rows"`
	Hash RowHash   `json:"mark"` // of the last row
	Key  string    `json:"key"`  // what the server knows the batch by; no other has it
	// AfterSeq is below all numbers that the rows can have got.
	AfterSeq int64 `json:"head"`
	// SentAt is when it was sent last, in Unix seconds.
	SentAt int64 `json:"sent_at"`
}

// Last is the position of the batch's last row.
func (i *Intent) Last() int64 {
	if len(i.Rows) == 0 {
		return 0
	}
	return i.Rows[len(i.Rows)-1][1]
}

// JobSchema is the number of the job's JSON shape.
const JobSchema = 1

// RowHash is a hash that is hexadecimal in JSON.
type RowHash [sha256.Size]byte

// MarshalJSON implements json.Marshaler.
func (m RowHash) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(m[:])) }

// UnmarshalJSON implements json.Unmarshaler.
func (m *RowHash) UnmarshalJSON(text []byte) error {
	var digits string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != len(m) {
		return fmt.Errorf("%.80q is no hash", digits)
	}
	*m = RowHash(raw)
	return nil
}

// Restart forgets how far the job came: everything is sent again. The nonce
// makes sure that a server that knows the batches takes them for new ones.
func (j *Job) Restart(nonce string) {
	*j = Job{Store: j.Store, Schema: j.Schema, Source: j.Source, Nonce: nonce, LastSeq: j.LastSeq, Counted: true}
}

// Positions is a set of places in a source, as ranges in ascending order that
// do not touch. Its JSON is [[first,last],...]. Not safe for concurrent use.
type Positions [][2]int64

// Add puts in one position. It is fast at the end, where rows come from.
func (p *Positions) Add(n int64) {
	from, joined := p.search(n-1), [2]int64{n, n}
	to := from
	for ; to < len(*p) && (*p)[to][0] <= n+1; to++ {
		joined = [2]int64{min(joined[0], (*p)[to][0]), max(joined[1], (*p)[to][1])}
	}
	*p = slices.Replace(*p, from, to, joined)
}

// Remove takes out one position, if it is there.
func (p *Positions) Remove(n int64) {
	if !p.Has(n) {
		return
	}
	i := p.search(n)
	var rest Positions
	if first := (*p)[i][0]; first < n {
		rest = append(rest, [2]int64{first, n - 1})
	}
	if last := (*p)[i][1]; n < last {
		rest = append(rest, [2]int64{n + 1, last})
	}
	*p = slices.Replace(*p, i, i+1, rest...)
}

// Cut takes out everything after n.
func (p *Positions) Cut(n int64) {
	has := p.Has(n)
	*p = (*p)[:p.search(n)]
	if has { // the range that it is in ends there now
		*p = (*p)[:len(*p)+1]
		(*p)[len(*p)-1][1] = n
	}
}

// Has says whether a position is in the set.
func (p Positions) Has(n int64) bool {
	i := p.search(n)
	return i < len(p) && p[i][0] <= n
}

// Len is how many positions there are.
func (p Positions) Len() int64 {
	n := int64(0)
	for _, r := range p {
		n += r[1] - r[0] + 1
	}
	return n
}

// search finds the first range that does not end before n.
func (p Positions) search(n int64) int {
	return sort.Search(len(p), func(i int) bool { return p[i][1] >= n })
}
