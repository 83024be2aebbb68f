package secret

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// withUserinfo finds who a URL says it is, up to the last @ before the path.
var withUserinfo = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\s]*)@`)
})

// longName is how many characters a user name has at most: what is longer, or stands
// without a password, is a token.
const longName = 16

// AddURL adds the passwords of the URLs in a text, and what a Basic header makes of
// them. A text that holds no URL adds nothing.
func AddURL(text string) {
	for _, found := range withUserinfo().FindAllStringSubmatch(text, -1) {
		user, password, both := strings.Cut(found[2], ":")
		name := len(user) <= longName && (both || strings.HasPrefix(found[1], "postgres")) // databases know no tokens
		if !name {
			Add(user, unescaped(user))
		}
		if both {
			Add(password, unescaped(password), base64.StdEncoding.EncodeToString([]byte(unescaped(user)+":"+unescaped(password))))
		}
	}
}

// keyLike is how many characters a part of a path has at least that is a key: shorter ones are words, which
// stand elsewhere too.
const keyLike = 12

// AddURLPath adds what stands behind the host of a URL that is a secret, as who knows it may use it: all of
// it, and the parts that can be keys by themselves.
func AddURLPath(text string) {
	AddURL(text)
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		Add(text)
		return
	}
	whole := strings.TrimPrefix(u.RequestURI(), "/")
	for _, part := range append(strings.FieldsFunc(whole, func(r rune) bool { return strings.ContainsRune("/?&=", r) }), whole) {
		if len(part) >= keyLike {
			Add(part, unescaped(part))
		}
	}
}

func unescaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
