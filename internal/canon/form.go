package canon

import (
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Form is a canonical form: what the codec of one line of releases makes of a
// chunk. All that differs between them stands here. Rows of the arrays are the same
// in all of them, but for an odd project name: a chunk of rows only has one id.
// Source: engram-2.md 4.4, 10.
type Form struct {
	name string
	// ownership: payloads of sessions keep their ownership_mode.
	ownership bool
	// disposition: a mutation always has one, and the members that go with it if they
	// are given; undisposed: what is given is not kept.
	disposition, undisposed bool
	// bareOwned: a session of a project needs no directory. It changes no id.
	bareOwned bool
	// reviewAfter: payloads of observations keep it. No release is known that does.
	reviewAfter bool
	// composed: the project's name is brought into NFC first.
	composed bool
}

// The forms. No server of 2.x or later was seen: what is different in theirs was
// read, and calculated.
var (
	form1  = &Form{name: "1.x"}
	form2  = &Form{name: "2.x", ownership: true, disposition: true}
	form3  = &Form{name: "3.x", ownership: true, disposition: true, bareOwned: true}
	newest = &Form{name: "newest", ownership: true, disposition: true, bareOwned: true, reviewAfter: true, composed: true}
	// plain2 is for a chunk that lost its dispositions on the way, as 1.x drops them.
	plain2 = &Form{name: "2.x, without dispositions", ownership: true, disposition: true, undisposed: true, bareOwned: true}
)

// Of is the form in which servers of a generation keep chunks. Of an unknown one
// nothing is known but that it is newer than ours: the one of 1.x is right for rows.
func Of(g engram.Generation) *Form {
	switch g {
	case engram.Gen3:
		return form3
	case engram.Gen2:
		return form2
	}
	return form1
}

// Known are the forms whose ids a chunk may be known by, whichever server has it.
func Known() []*Form { return []*Form{form1, form2, plain2, newest} }

func (f *Form) String() string { return f.name }

// project is a project's name as servers of this form compare it.
func (f *Form) project(name string) string {
	if f.composed {
		return engram.ProjectKey(name)
	}
	return engram.NormalizeProject(name)
}

// loose is a member that only some forms know: the others drop it, whatever it is.
type loose json.RawMessage

// UnmarshalJSON keeps a copy of the text.
func (l *loose) UnmarshalJSON(text []byte) error {
	*l = append((*l)[:0], text...)
	return nil
}

// MarshalJSON writes what was read.
func (l loose) MarshalJSON() ([]byte, error) { return json.RawMessage(l).MarshalJSON() }

// text is the member's text, nil if it is absent or null. ok is false if it is
// something else.
func (l loose) text() (text *string, ok bool) {
	ok = len(l) == 0 || json.Unmarshal(l, &text) == nil
	return text, ok
}
