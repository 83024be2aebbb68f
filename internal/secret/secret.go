// Package secret knows the secrets that this process uses, and takes them out of what it says.
// Whoever learns one adds it; whoever prints, or keeps a stranger's words, goes through here.
package secret

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// Mark stands where a secret was, as in the logs of CI systems.
	Mark = "***"
	// telling is how many characters of a secret's beginning give it away.
	telling = 8
	// least is how many characters a secret has at least: the letters of a shorter one are
	// everywhere, and their absence would tell it.
	least = 4
)

// inUse is a set for the whole process, as the streams are that it prints on: so a
// secret that one part learns is kept by all.
var inUse set

// Add lets secrets be taken out of every text from now on. Blanks around one do not
// count. It may be called from several goroutines at once, and for one secret many times.
func Add(secrets ...string) {
	for _, s := range secrets {
		inUse.add(strings.TrimSpace(s))
	}
}

// Redact gives a text without the secrets in use, nor their beginnings.
func Redact(text string) string { return inUse.redact(text) }

// set is secrets, in all the forms in which they may stand in a text. It is safe for
// concurrent use; reading takes no lock.
type set struct {
	forms atomic.Pointer[[]form]
	mu    sync.Mutex // held by who adds
	known map[string]bool
}

func (s *set) all() []form {
	if forms := s.forms.Load(); forms != nil {
		return *forms
	}
	return nil
}

func (s *set) add(secret string) {
	if len([]rune(secret)) < least {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[secret] {
		return
	}
	if s.known == nil {
		s.known = map[string]bool{}
	}
	s.known[secret] = true
	forms := slices.Concat(s.all(), formsOf(secret))
	s.forms.Store(&forms)
}

func (s *set) redact(text string) string { return cover(text, spansOf(s.all(), text)) }

// span is a piece of a text, in bytes.
type span struct{ from, to int }

// spansOf finds the secrets in a text: one after the other, and none touching the next.
func spansOf(forms []form, text string) []span {
	var found []span
	for _, f := range forms {
		found = f.find(found, text)
	}
	if len(found) < 2 {
		return found
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	merged := found[:1]
	for _, next := range found[1:] {
		if last := &merged[len(merged)-1]; next.from <= last.to {
			last.to = max(last.to, next.to)
		} else {
			merged = append(merged, next)
		}
	}
	return merged
}

// cover puts a mark in the place of each span.
func cover(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.from])
		b.WriteString(Mark)
		at = s.to
	}
	b.WriteString(text[at:])
	return b.String()
}
