package engram

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// ChunkEntry is what a manifest says about one chunk. Only its id can be
// checked against the chunk; who wrote it and when is nowhere else. Entries are
// made by ParseEntry or by hand, and are comparable.
type ChunkEntry struct {
	ID        ChunkID `json:"id"`
	CreatedBy string  `json:"created_by"`
	// CreatedAt is RFC 3339 text, kept as it was written. Those that we derive
	// are made by FormatTime.
	CreatedAt string `json:"created_at"`
	// Sessions, Memories and Prompts are how many rows the chunk holds, as its
	// writer counted them. Soft-deleted observations count as memories.
	Sessions int `json:"sessions"`
	Memories int `json:"memories"`
	Prompts  int `json:"prompts"`

	// extra is the text of the members that we don't know, joined by commas,
	// so that they survive.
	extra string
}

// FormatTime writes a time as manifests have it: UTC, and with a fraction of at
// most microseconds, as servers do, if there is one. The fraction keeps chunks
// of one second in their order; engram takes no notice of it, as it compares
// these texts with the times of rows in whole seconds. Source: account-server.md 6.4.
func FormatTime(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}

// Time is CreatedAt as a time; the zero time where it is not RFC 3339.
func (e ChunkEntry) Time() time.Time {
	t, _ := time.Parse(time.RFC3339, e.CreatedAt) // zero with an error
	return t
}

// NewestTime is the latest time of the entries; the zero time if there are none.
func NewestTime(entries []ChunkEntry) time.Time {
	var newest time.Time
	for _, e := range entries {
		if t := e.Time(); t.After(newest) {
			newest = t
		}
	}
	return newest
}

// Clamped is e with a CreatedAt no later than now: engram exports nothing that
// is older than the newest entry, so one in the future hides every later memory.
func (e ChunkEntry) Clamped(now time.Time) ChunkEntry {
	if e.Time().After(now) {
		e.CreatedAt = FormatTime(now)
	}
	return e
}

// MarshalJSON writes the entry on one line, with the members in engram's
// order and those that we don't know behind them.
func (e ChunkEntry) MarshalJSON() ([]byte, error) {
	type plain ChunkEntry
	known, err := json.Marshal(plain(e))
	if err != nil || e.extra == "" {
		return known, err
	}
	return append(append(known[:len(known)-1], ','), e.extra+"}"...), nil
}

// Compare gives the order in which new entries are appended: oldest first, by
// id within one moment.
func (e ChunkEntry) Compare(other ChunkEntry) int {
	return cmp.Or(e.Time().Compare(other.Time()), e.ID.Compare(other.ID))
}

// Indented is the entry as engram writes it into a manifest.
func (e ChunkEntry) Indented() (string, error) {
	text, err := json.MarshalIndent(e, "    ", "  ")
	if err != nil {
		return "", fmt.Errorf("encode the entry of %s: %w", e.ID, err)
	}
	return string(text), nil
}

// ParseEntry reads one entry strictly: a good id, an RFC 3339 created_at,
// whole numbers that are not negative, no member twice and none that differs
// from a known one only in letter case. Members that we don't know are kept.
func ParseEntry(text []byte) (ChunkEntry, error) {
	var e ChunkEntry
	members, err := splitObject(text)
	if err != nil {
		return e, err
	}
	for i, m := range members { // before all else: a merge has made it, whatever it says
		if slices.ContainsFunc(members[:i], func(before jsonscan.Member) bool { return before.Name == m.Name }) {
			return e, fmt.Errorf("%q %w", m.Name, ErrTwice)
		}
	}
	var extra []string
	for _, m := range members {
		known, err := e.set(m)
		if err != nil {
			return e, err
		}
		if !known {
			extra = append(extra, string(text[m.From:m.End()]))
		}
	}
	if e.ID.IsZero() {
		return e, errors.New(`"id" is missing`)
	}
	if e.CreatedAt == "" {
		return e, fmt.Errorf(`%s: "created_at" is missing`, e.ID)
	}
	e.extra = strings.Join(extra, ",")
	return e, nil
}

// recount writes the counts of e into the text of an entry.
func (e ChunkEntry) recount(text []byte) ([]byte, error) {
	members, err := splitObject(text)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{"sessions": e.Sessions, "memories": e.Memories, "prompts": e.Prompts}
	var out []byte
	done := 0
	for _, m := range members {
		if n, ok := counts[m.Name]; ok {
			out, done = strconv.AppendInt(append(out, text[done:m.At]...), int64(n), 10), m.End()
			delete(counts, m.Name)
		}
	}
	// One that is not there reads as 0. The last member is the place for it: every
	// entry has an id.
	end := members[len(members)-1].End()
	out, done = append(out, text[done:end]...), end
	for _, name := range entryMembers {
		if counts[name] > 0 {
			out = fmt.Appendf(out, ",%q:%d", name, counts[name])
		}
	}
	return append(out, text[done:]...), nil
}

// withID is the text of an entry with another id.
func withID(text []byte, id ChunkID) ([]byte, error) {
	members, err := splitObject(text)
	for _, m := range members {
		if m.Name == "id" {
			return slices.Concat(text[:m.At], []byte(strconv.Quote(id.String())), text[m.End():]), nil
		}
	}
	return nil, err
}

// entryMembers are the names of the members that every entry has.
var entryMembers = []string{"id", "created_by", "created_at", "sessions", "memories", "prompts"}

// set takes over one member, and says whether it is one that we know.
func (e *ChunkEntry) set(m jsonscan.Member) (known bool, err error) {
	switch m.Name {
	case "id":
		var text string
		if text, err = stringOf(m.Value); err == nil {
			e.ID, err = ParseChunkID(text)
		}
	case "created_by":
		e.CreatedBy, err = stringOf(m.Value)
	case "created_at":
		if e.CreatedAt, err = stringOf(m.Value); err == nil {
			if _, timeErr := time.Parse(time.RFC3339, e.CreatedAt); timeErr != nil {
				err = fmt.Errorf("%.40q is not an RFC 3339 time", e.CreatedAt)
			}
		}
	case "sessions":
		e.Sessions, err = countOf(m.Value)
	case "memories":
		e.Memories, err = countOf(m.Value)
	case "prompts":
		e.Prompts, err = countOf(m.Value)
	default:
		return false, refuseVariant(m.Name, entryMembers)
	}
	if err != nil {
		return true, fmt.Errorf("%q: %w", m.Name, err)
	}
	return true, nil
}

// refuseVariant refuses a name that differs from a known one only in letter
// case: engram reads both as the same member.
func refuseVariant(name string, known []string) error {
	if k := jsonscan.Alike(name, known); k != "" {
		return fmt.Errorf("%q is another spelling of %q", name, k)
	}
	return nil
}

// maxEntryMembers bounds one entry: members are compared with each other.
const maxEntryMembers = 64

func splitObject(text []byte) ([]jsonscan.Member, error) {
	return jsonscan.Split(text, jsonscan.Object, maxEntryMembers)
}

func stringOf(value []byte) (string, error) {
	if len(value) == 0 || value[0] != '"' {
		return "", errors.New("not a string")
	}
	return jsonscan.Unquote(value[1 : len(value)-1])
}

func countOf(value []byte) (int, error) {
	n, err := strconv.ParseInt(string(value), 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%.40s is not a count", value)
	}
	return int(n), nil
}
