package secretscan

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// The rules of gitleaks, byte for byte as config/gitleaks.toml of github.com/zricethezav/gitleaks v8.30.1
// has them. Its licence is beside it, and in NOTICE. After another one is put in its place, raise Version.
//
//go:embed gitleaks.toml
var published string

// Version names the rules and the way of applying them: what was found under another one says nothing.
const Version = "gitleaks 8.30.1, 2"

// file is what of the published file is used: a memory has no path and no commit.
type file struct {
	Allowlist allowlist
	Rules     []*rule
}

type rule struct {
	ID, Description, Regex, Path string
	Entropy                      float64
	SecretGroup                  int
	Keywords                     []string
	Allowlists                   []allowlist

	compile func() *regexp.Regexp
	// lead: what stands before the keywords in the published expression, and only says how far to the
	// left a match begins, is left out: without it an expression is many times as fast.
	lead bool
	// reach is how many bytes a match has at most; 0 is no bound.
	reach int
	// begun: each match begins with one of the keywords, at the beginning of a word.
	begun bool
	// anchored: each match begins with one of the keywords.
	anchored bool
}

// generalRule is the one that knows no issuer, only names such as "password".
const generalRule = "generic-api-key"

type allowlist struct {
	Condition, RegexTarget    string
	Paths, Regexes, StopWords []string

	compile func() *regexp.Regexp
}

// leading stands at the beginning of most published expressions.
const leading = `(?i)[\w.-]{0,50}?`

// rules are read at the first scan: reading them takes some milliseconds that no other run shall pay.
var rules = sync.OnceValue(func() file {
	var f file
	if err := toml.Unmarshal([]byte(published), &f); err != nil {
		panic(fmt.Sprintf("the rules for secrets cannot be read: %v", err)) // a test reads them
	}
	f.Rules = slices.DeleteFunc(f.Rules, func(r *rule) bool { return r.Path != "" || r.Regex == "" })
	for _, r := range f.Rules {
		text := r.Regex
		if rest, ok := strings.CutPrefix(text, leading); ok {
			text, r.lead = "(?i)"+rest, true
		}
		if r.anchored = r.lead && r.ID == generalRule; r.anchored {
			text = `\A` + text
		}
		rest, bounded := strings.CutPrefix(text, `\b`)
		if r.begun = bounded && beginsWith(rest, r.Keywords); r.begun {
			text = `\A(?:` + rest + `)`
		}
		r.compile, r.reach = lazily(text), reachOf(text, r.Keywords)
		r.Allowlists = usable(r.Allowlists)
	}
	f.Allowlist = usable([]allowlist{f.Allowlist})[0]
	return f
})

// usable leaves out the lists that also want a path.
func usable(lists []allowlist) (kept []allowlist) {
	for _, a := range lists {
		if strings.EqualFold(a.Condition, "AND") && len(a.Paths) > 0 {
			continue
		}
		a.compile = func() *regexp.Regexp { return nil }
		if len(a.Regexes) > 0 {
			a.compile = lazily("(?:" + strings.Join(a.Regexes, ")|(?:") + ")")
		}
		kept = append(kept, a)
	}
	return kept
}

func lazily(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// allows says whether a list takes a match for harmless.
func (a allowlist) allows(text string, m Match, from int) bool {
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
