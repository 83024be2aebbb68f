package engram

import "time"

// plainEntry reads the entry that text begins with, if it is written as engram and all
// servers write entries: just the six members, in their order, and texts without escapes.
// n is how many bytes it takes. Of any other ok is false, whatever is wrong or
// special about it: ParseEntry says. Most time of whoever has thousands of
// entries would go into taking them apart in general.
func plainEntry(text []byte, known authors) (e ChunkEntry, n int, ok bool) {
	r := plainReader{text: text, good: true}
	r.skip('{')
	var isID bool
	e.ID, isID = chunkIDOf(r.member("id"))
	r.skip(',')
	by := r.member("created_by")
	r.skip(',')
	at := r.member("created_at")
	r.skip(',')
	e.Sessions = r.count("sessions")
	r.skip(',')
	e.Memories = r.count("memories")
	r.skip(',')
	e.Prompts = r.count("prompts")
	r.skip('}')
	if !r.good || !isID {
		return ChunkEntry{}, 0, false
	}
	e.CreatedBy, e.CreatedAt = known.of(by), string(at)
	_, err := time.Parse(time.RFC3339, e.CreatedAt)
	return e, r.at, err == nil
}

// authors are the texts of created_by, so that thousands of entries share the few that there are.
type authors map[string]string

// maxAuthors is how many are remembered: a text of nothing else must not take twice its memory.
const maxAuthors = 1 << 10

func (a authors) of(by []byte) string {
	text, ok := a[string(by)]
	if !ok {
		text = string(by)
		if len(a) < maxAuthors {
			a[text] = text
		}
	}
	return text
}

// plainReader goes through the text of an entry for as long as that is good.
type plainReader struct {
	text []byte
	at   int
	good bool
}

// skip passes white space and one byte.
func (r *plainReader) skip(c byte) {
	for r.at < len(r.text) && (r.text[r.at] == ' ' || r.text[r.at] == '\n' || r.text[r.at] == '\r' || r.text[r.at] == '\t') {
		r.at++
	}
	if r.at >= len(r.text) || r.text[r.at] != c {
		r.good, r.at = false, len(r.text)
		return
	}
	r.at++
}

// name passes the name of a member, and its colon.
func (r *plainReader) name(name string) {
	r.skip('"')
	if rest := r.text[r.at:]; len(rest) <= len(name) || string(rest[:len(name)]) != name || rest[len(name)] != '"' {
		r.good, r.at = false, len(r.text)
		return
	}
	r.at += len(name) + 1
	r.skip(':')
}

// member gives the value of a member that is a text.
func (r *plainReader) member(name string) []byte {
	r.name(name)
	r.skip('"')
	inner := r.text[r.at:]
	for end, c := range inner {
		switch {
		case c == '"':
			r.at += end + 1
			return inner[:end]
		case c < ' ', c == '\\':
			r.good, r.at = false, len(r.text)
			return nil
		}
	}
	r.good, r.at = false, len(r.text)
	return nil
}

// count gives the value of a member that is a number of up to nine digits.
func (r *plainReader) count(name string) (n int) {
	r.name(name)
	for r.at < len(r.text) && r.text[r.at] == ' ' {
		r.at++
	}
	from := r.at
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' && r.at-from < 9 {
		n = n*10 + int(r.text[r.at]-'0')
		r.at++
	}
	digits := r.at - from
	if digits == 0 || digits > 1 && r.text[from] == '0' {
		r.good = false
	}
	return n // a digit, point or letter behind it is not what must come
}
