package secretscan

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// keywords finds which rules can match a text at all, in one look at it, for which upper and lower case are
// the same: wherever three letters stand that a keyword has, it looks whether the keyword does. Six places are
// looked at in one go, which takes a third of the time of an automaton, whose steps wait for each other.
type keywords struct {
	group  [1 << hashBits]uint16 // by the hash of three letters: which of the groups; 0 is none
	groups [][]keyword
	bare   []uint16 // rules without keywords, which any text can match
}

// keyword is one in small letters, and whose it is.
type keyword struct {
	text  string
	at    int // where the three letters are by which it is found
	rules []uint16
}

const (
	// hashBits are those of the hash of three letters.
	hashBits = 15
	// spread makes the hash. It was chosen by trial: with it, few of the letters that are frequent in
	// English and in Markdown have the hash of a keyword's.
	spread = 0x09E8F267
	// follow is how many bytes of a secret come behind a keyword of only two letters, at the least:
	// ordinary text is full of such keywords.
	follow = 16
	// escaped are those bytes of keywords that JSON may spell otherwise. A keyword counts from behind them.
	escaped = `<>&"'\/`
)

var table = sync.OnceValue(func() *keywords {
	of := map[string][]uint16{}
	k := &keywords{groups: make([][]keyword, 1)}
	for i, r := range rules().Rules {
		if len(r.Keywords) == 0 {
			k.bare = append(k.bare, uint16(i))
		}
		for _, word := range r.Keywords {
			of[plain(word)] = append(of[plain(word)], uint16(i))
		}
	}
	for word, rules := range of {
		w := keyword{word, rarest(word), rules}
		if len(word) > 2 {
			k.add(w, word[w.at:])
			continue
		}
		for c := range byte(0x80) {
			if inSecret(c) && (c < 'A' || c > 'Z') {
				k.add(w, word+string(rune(c)))
			}
		}
	}
	return k
})

// plain is a keyword as it is looked for.
func plain(word string) string {
	return strings.ToLower(word[strings.LastIndexAny(word, escaped)+1:])
}

// add has a keyword found by three letters.
func (k *keywords) add(w keyword, by string) {
	group := &k.group[hash(three(by, 0))]
	if *group == 0 {
		*group = uint16(len(k.groups))
		k.groups = append(k.groups, nil)
	}
	k.groups[*group] = append(k.groups[*group], w)
}

// rarest gives where in a word those three letters are that are the rarest in English.
func rarest(word string) (at int) {
	most := -1
	for i := range max(len(word)-2, 0) {
		rare := 0
		for _, c := range word[i : i+3] {
			const common = "etaoinsrhldcumfpgwybvkxjqz"
			if rank := strings.IndexRune(common, c); rank >= 0 {
				rare += rank
			} else {
				rare += len(common)
			}
		}
		if rare > most {
			at, most = i, rare
		}
	}
	return at
}

// capitals makes small letters of capital ones; what else it does to others, it does to those of keywords too.
const capitals = 0x2020202020202020

// three are the three letters that begin at a place.
func three[T string | []byte](text T, at int) uint32 {
	return (uint32(text[at]) | uint32(text[at+1])<<8 | uint32(text[at+2])<<16) | capitals&letters
}

const letters = 0xFFFFFF // three of them

func hash(three uint32) uint32 { return three * spread >> (32 - hashBits) }

// each gives the keywords in a text with where they begin, until visit is false.
func each[T string | []byte](k *keywords, text T, visit func(w *keyword, start int) bool) {
	i := 0
	for ; i+8 <= len(text); i += 6 {
		t := text[i : i+8]
		l := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56 // one instruction
		l |= capitals
		some := k.group[hash(uint32(l)&letters)] | k.group[hash(uint32(l>>8)&letters)] | k.group[hash(uint32(l>>16)&letters)] |
			k.group[hash(uint32(l>>24)&letters)] | k.group[hash(uint32(l>>32)&letters)] | k.group[hash(uint32(l>>40))]
		if some != 0 && !near(k, text, i, i+6, visit) {
			return
		}
	}
	near(k, text, i, len(text)-2, visit)
}

// near is each for the keywords whose three letters begin at from or behind it, and before to.
func near[T string | []byte](k *keywords, text T, from, to int, visit func(w *keyword, start int) bool) bool {
	for i := from; i < to; i++ {
		group := k.group[hash(three(text, i))]
		if group == 0 {
			continue
		}
		words := k.groups[group]
		for w := range words {
			if start := i - words[w].at; start >= 0 && stands(text[start:], words[w].text) && !visit(&words[w], start) {
				return false
			}
		}
	}
	return true
}

// stands says whether a text begins with a keyword, in any case, and with what has to follow it.
func stands[T string | []byte](text T, word string) bool {
	end := len(word)
	if end <= 2 {
		end += follow
	}
	if len(text) < end {
		return false
	}
	for i := range len(word) {
		if c := text[i]; c != word[i] && (c < 'A' || c > 'Z' || c+'a'-'A' != word[i]) {
			return false
		}
	}
	for i := len(word); i < end; i++ {
		if !inSecret(text[i]) {
			return false
		}
	}
	return true
}

// inSecret says whether a byte can be in what follows a keyword of two letters.
func inSecret(c byte) bool { return isLead(c) || c == '~' }

// hits gives where keywords end in a text, by rules. Most texts have none, and cost no memory.
func (k *keywords) hits(text string) (hits []hit) {
	for _, r := range k.bare {
		hits = append(hits, hit{rule: r})
	}
	set := rules().Rules
	each(k, text, func(w *keyword, start int) bool {
		for _, r := range w.rules {
			if !set[r].anchored || assigns(text[start:], false) {
				hits = append(hits, hit{r, start + len(w.text)})
			}
		}
		return true
	})
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.end, b.end)) })
	return hits
}

// inJSON says whether there may be hits in the texts of a JSON document. Most have none, and need not be
// taken apart.
func (k *keywords) inJSON(document []byte) (some bool) {
	if len(k.bare) > 0 || hidesLetters(document) {
		return true
	}
	set := rules().Rules
	each(k, document, func(w *keyword, start int) bool {
		some = slices.ContainsFunc(w.rules, func(r uint16) bool {
			return !set[r].anchored || assigns(document[start:], true)
		})
		return !some
	})
	return some
}

// hidesLetters says whether a JSON document spells characters by their numbers that keywords may have, or
// backslashes, behind which, in a document within it, other numbers may stand.
func hidesLetters(document []byte) bool {
	for {
		at := bytes.Index(document, []byte(`\u00`))
		if at < 0 || len(document) < at+6 {
			return false
		}
		if c, err := strconv.ParseUint(string(document[at+4:at+6]), 16, 8); err == nil && c > ' ' && c < 0x7F && (c == '\\' || strings.IndexByte(escaped, byte(c)) < 0) {
			return true
		}
		document = document[at+len(`\u00`):] // what follows may begin another one
	}
}

// hit is that a keyword of a rule ends at a place.
type hit struct {
	rule uint16
	end  int
}
