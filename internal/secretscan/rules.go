package secretscan

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Version names the rules and the way of applying them: what was found under another one says nothing.
const Version = "gitleaks 8.30.1, 2"

// file is what is used of the file that gitleaks publishes: published, which is Go, so that no run has to read it.
type file struct {
	Allowlist allowlist
	Rules     []*rule
}

type rule struct {
	ID, Description, Regex string
	Entropy                float64
	SecretGroup            int
	Keywords               []string
	Allowlists             []*allowlist

	// lead: what stands before the keywords in the published expression, and only says how far to the
	// left a match begins, is left out: without it an expression is many times as fast.
	lead bool
	// anchored: each match begins with one of the keywords.
	anchored bool
	// look is how the rule is looked for: it takes parsing its expression, and most runs need few rules.
	look func() look
}

type look struct {
	*regexp.Regexp

	// reach is how many bytes a match has at most; 0 is no bound.
	reach int
	// begun: each match begins with one of the keywords, at the beginning of a word.
	begun bool
}

// generalRule is the one that knows no issuer, only names such as "password".
const generalRule = "generic-api-key"

type allowlist struct {
	RegexTarget        string
	Regexes, StopWords []string

	once sync.Once
	any  *regexp.Regexp // of the expressions; nil where there are none
}

// leading stands at the beginning of most published expressions.
const leading = `(?i)[\w.-]{0,50}?`

var rules = sync.OnceValue(func() *file {
	for _, r := range published.Rules {
		r.lead = strings.HasPrefix(r.Regex, leading)
		r.anchored = r.lead && r.ID == generalRule
		r.look = sync.OnceValue(r.prepare)
	}
	return &published
})

func (r *rule) prepare() (l look) {
	text := r.Regex
	if r.lead {
		text = "(?i)" + text[len(leading):]
	}
	if r.anchored {
		text = `\A` + text
	}
	rest, bounded := strings.CutPrefix(text, `\b`)
	if l.begun = bounded && beginsWith(rest, r.Keywords); l.begun {
		text = `\A(?:` + rest + `)`
	}
	l.Regexp, l.reach = regexp.MustCompile(text), reachOf(text, r.Keywords)
	return l
}

func (a *allowlist) compile() *regexp.Regexp {
	a.once.Do(func() {
		if len(a.Regexes) > 0 {
			a.any = regexp.MustCompile("(?:" + strings.Join(a.Regexes, ")|(?:") + ")")
		}
	})
	return a.any
}

// allows says whether a list takes a match for harmless.
func (a *allowlist) allows(text string, m Match, from int) bool {
	if re := a.compile(); re != nil {
		of := text[m.Start:m.End]
		switch a.RegexTarget {
		case "match":
			of = text[from:m.matched]
		case "line":
			of = text[strings.LastIndexByte(text[:from], '\n')+1:]
			if end := strings.IndexByte(of, '\n'); end >= 0 {
				of = of[:end]
			}
		}
		if re.MatchString(of) {
			return true
		}
	}
	if len(a.StopWords) == 0 {
		return false
	}
	secret := strings.ToLower(text[m.Start:m.End])
	return slices.ContainsFunc(a.StopWords, func(word string) bool { return strings.Contains(secret, word) })
}
