package httplayer

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// sqlState finds the class that PostgreSQL gives an error, where a server passes on
// what its database said: "pq: ... (22P05)" from account servers, "... (SQLSTATE
// 22P05)" from project servers, each at the end. What stands before it can be a
// stranger's text. Source: account-server.md 11, project-server.md 14.
var sqlState = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:SQLSTATE |\()([0-9A-Z]{5})[)\s]*$`)
})

// unknownAccount is a broken foreign key: the token is good, and its account is gone.
// A row of the journal, or a chunk, refers to nothing else. Source: account-server.md 2.2.
const unknownAccount = "23503"

func stateIn(words string) string {
	if m := sqlState().FindStringSubmatch(words); m != nil {
		return m[1]
	}
	return ""
}

// InState says whether the database said no for an error of one of these classes.
func (e *StatusError) InState(classes ...string) bool {
	return slices.ContainsFunc(classes, func(class string) bool { return strings.HasPrefix(e.SQLState, class) })
}

// AccountGone says whether the token is that of an account which is there no more.
func (e *StatusError) AccountGone() bool { return e.SQLState == unknownAccount }

// AboutContent says whether the database refuses what was sent for what it holds, and
// always will: classes 22 and 54. Source: account-server.md 4.1, 10.
func (e *StatusError) AboutContent() bool {
	return e.Status >= 500 && !e.ToAll && e.InState("22", "54")
}
