package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
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
	// LeftOut counts the rows that were passed over because they were not for sending.
	Skipped int64 `json:"left_out,omitempty"`
	// LastSeq is the number of the journal's newest row that is known.
	LastSeq  int64     `json:"last_seq"`
	Deferred Positions `json:"parked,omitempty"`
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
	*j = Job{Store: j.Store, Schema: j.Schema, Source: j.Source, Nonce: nonce, LastSeq: j.LastSeq}
}
