package secret

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
)

// withUserinfo finds who a URL says it is, up to the last @ before the path.
var withUserinfo = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://([^/?#\s]*)@`)

// longName is how many characters a user name has at most: what is longer, or stands
// without a password, is a token.
const longName = 16

// AddURL adds the passwords of the URLs in a text, and what a Basic header makes of
// them. A text that holds no URL adds nothing.
func AddURL(text string) {
	for _, found := range withUserinfo.FindAllStringSubmatch(text, -1) {
		user, password, both := strings.Cut(found[1], ":")
		if !both || len(user) > longName {
			Add(user, unescaped(user))
		}
		if both {
			Add(password, unescaped(password), base64.StdEncoding.EncodeToString([]byte(unescaped(user)+":"+unescaped(password))))
		}
	}
}

func unescaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
