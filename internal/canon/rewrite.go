package canon

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// maxDepth is how deep a chunk's data may nest, itself included. The server
// allows 10,000 levels, and the envelope is one of them (A16).
const maxDepth = 9999

// rewriter appends JSON text in the canonical form of project-server.md 3.2. It makes no
// values of it: what it reads was found to be JSON, and it goes from one byte to the next.
type rewriter struct {
	out       []byte
	plainZero bool // 0 instead of -0
	tooBig    bool // there was a number that no double can hold: it comes out as null
	tooDeep   bool // there was a value inside of more than maxDepth others

	members []member // of the objects that are open
	names   []byte   // those that had to be decoded
	spare   []byte
}

// member is one of an object, as it was written.
type member struct {
	name     []byte // decoded
	from, to int    // where it stands in out, name and all
}

// value appends the value that begins at a byte of text, or behind white space there, and
// stands inside depth containers. It says where the value ends.
func (r *rewriter) value(text []byte, at, depth int) (end int) {
	at = skipSpace(text, at)
	switch text[at] {
	case '{':
		first, from := len(r.members), len(r.out)
		end = r.open(text, at, depth+1)
		r.close(first, from)
		return end
	case '[':
		return r.array(text, at, depth+1)
	case '"':
		return r.text(text, at)
	case 't', 'n':
		r.out = append(r.out, text[at:at+len("null")]...)
		return at + len("null")
	case 'f':
		r.out = append(r.out, "false"...)
		return at + len("false")
	}
	return r.number(text, at)
}

func (r *rewriter) array(text []byte, at, depth int) (end int) {
	r.tooDeep = r.tooDeep || depth > maxDepth
	r.out = append(r.out, '[')
	for at = skipSpace(text, at+1); text[at] != ']'; at = skipSpace(text, at) {
		if text[at] == ',' {
			r.out = append(r.out, ',')
			at++
		}
		at = r.value(text, at, depth)
	}
	r.out = append(r.out, ']')
	return at + 1
}

// open appends an object up to its end, with its members as they stand in the text. Until
// close is called some can be added.
func (r *rewriter) open(text []byte, at, depth int) (end int) {
	r.tooDeep = r.tooDeep || depth > maxDepth
	r.out = append(r.out, '{')
	for at = skipSpace(text, at+1); text[at] != '}'; at = skipSpace(text, at) {
		if text[at] == ',' {
			r.out = append(r.out, ',')
			at = skipSpace(text, at+1)
		}
		m := member{from: len(r.out)}
		m.name, at = r.name(text, at)
		r.out = append(r.out, ':')
		at = r.value(text, skipSpace(text, at)+len(":"), depth)
		m.to = len(r.out)
		r.members = append(r.members, m)
	}
	return at + 1
}

// name appends the name of a member, and decodes it.
func (r *rewriter) name(text []byte, at int) (name []byte, end int) {
	end = r.text(text, at)
	if inner := text[at+1 : end-1]; jsonscan.IsPlain(inner) {
		return inner, end
	}
	from := len(r.names)
	r.names, _ = jsonscan.AppendText(r.names, text[at+1:end-1])
	return r.names[from:], end
}

// add appends another member to the outermost object, which is open: it counts instead of one that
// has its name. name is a word.
func (r *rewriter) add(name, value string) {
	if len(r.members) > 0 {
		r.out = append(r.out, ',')
	}
	from := len(r.out)
	r.word(name)
	r.out = append(r.out, ':')
	r.word(value)
	at := len(r.names)
	r.names = append(r.names, name...)
	r.members = append(r.members, member{name: r.names[at:], from: from, to: len(r.out)})
}

// last gives the value of the member that counts, of those with a name, as it was written. name is a word.
func (r *rewriter) last(first int, name string) []byte {
	for i := len(r.members) - 1; i >= first; i-- {
		if m := r.members[i]; string(m.name) == name {
			return r.out[m.from+len(`"":`)+len(name) : m.to]
		}
	}
	return nil
}

// close puts the members of an object, which begins at from, in the order of their names.
// Of those with one name the last one counts.
func (r *rewriter) close(first, from int) {
	members := r.members[first:]
	byName := func(a, b member) int { return bytes.Compare(a.name, b.name) }
	inOrder := true
	for i := 1; i < len(members) && inOrder; i++ {
		inOrder = byName(members[i-1], members[i]) < 0
	}
	if !inOrder {
		slices.SortStableFunc(members, byName)
		r.spare = append(r.spare[:0], r.out[from:]...)
		r.out = append(r.out[:from], '{')
		for i, m := range members {
			if i+1 < len(members) && byName(m, members[i+1]) == 0 {
				continue
			}
			if len(r.out) > from+1 {
				r.out = append(r.out, ',')
			}
			r.out = append(r.out, r.spare[m.from-from:m.to-from]...)
		}
	}
	r.out = append(r.out, '}')
	if r.members = r.members[:first]; first == 0 {
		r.names = r.names[:0]
	}
}

// number appends the shortest digits that give the same double, plainly unless
// it is very big or very small; then with an exponent that has no zeros in front.
func (r *rewriter) number(text []byte, at int) (end int) {
	end = at
	for end < len(text) && isNumber[text[end]] {
		end++
	}
	if _, asItIs := jsonscan.IsInteger(text[at:end]); asItIs {
		r.out = append(r.out, text[at:end]...)
		return end
	}
	f, err := strconv.ParseFloat(string(text[at:end]), 64)
	if err != nil {
		r.tooBig = true
		r.out = append(r.out, "null"...)
		return end
	}
	if f == 0 && r.plainZero {
		f = 0 // also when it was -0
	}
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		r.out = strconv.AppendFloat(r.out, f, 'f', -1, 64)
		return end
	}
	r.out = strconv.AppendFloat(r.out, f, 'e', -1, 64)
	if n := len(r.out); r.out[n-4] == 'e' && r.out[n-2] == '0' { // e-07
		r.out = append(r.out[:n-2], r.out[n-1])
	}
	return end
}

// text appends the string that begins at a byte of text.
func (r *rewriter) text(text []byte, at int) (end int) {
	r.out = append(r.out, '"')
	for at++; ; {
		run := at
		at += plainRun(text[at:])
		r.out = append(r.out, text[run:at]...)
		switch text[at] {
		case '"':
			r.out = append(r.out, '"')
			return at + 1
		case '\\':
			at += r.escape(text[at:])
		default:
			char, n := utf8.DecodeRune(text[at:])
			r.char(char)
			at += n
		}
	}
}

// word appends a text that is at hand.
func (r *rewriter) word(text string) {
	r.out = append(r.out, '"')
	for len(text) > 0 {
		run := plainRun(text)
		r.out, text = append(r.out, text[:run]...), text[run:]
		if len(text) > 0 {
			char, n := utf8.DecodeRuneInString(text)
			r.char(char)
			text = text[n:]
		}
	}
	r.out = append(r.out, '"')
}

// plainRun is how many bytes at the beginning of a text stand for themselves.
func plainRun[T string | []byte](text T) (n int) {
	for n < len(text) {
		if plain[text[n]] {
			n++
			continue
		}
		if text[n] < utf8.RuneSelf {
			break
		}
		char, size := utf8.DecodeRuneInString(string(text[n:min(n+utf8.UTFMax, len(text))]))
		if char == '\u2028' || char == '\u2029' || size == 1 {
			break
		}
		n += size
	}
	return n
}

// escape appends what an escape stands for, and says how long it is.
func (r *rewriter) escape(text []byte) (n int) {
	switch text[1] {
	case 'n', 't', 'r', '"', '\\': // as nearly all
		r.out = append(r.out, '\\', text[1])
		return len(`\n`)
	}
	char, n := jsonscan.CutEscape(text)
	r.char(char)
	return n
}

// char appends a character as it stands inside of a string.
func (r *rewriter) char(c rune) {
	const digits = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		r.out = append(r.out, '\\', byte(c))
	case c < ' ' && short[c] != 0:
		r.out = append(r.out, '\\', short[c])
	case c < ' ' || c == '<' || c == '>' || c == '&':
		r.out = append(r.out, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
	case c == '\u2028' || c == '\u2029':
		r.out = append(r.out, '\\', 'u', '2', '0', '2', digits[c&0xf])
	default:
		r.out = utf8.AppendRune(r.out, c)
	}
}

// short has the letters of the control characters that have short escapes.
var short = [' ']byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// plain marks the bytes of ASCII that stand for themselves in a string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return t
}()

// isNumber marks the bytes of numbers.
var isNumber = func() (t [256]bool) {
	for _, c := range []byte("0123456789+-.eE") {
		t[c] = true
	}
	return t
}()

func skipSpace(text []byte, at int) int {
	for text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t' {
		at++
	}
	return at
}
