package problem

import (
	"regexp"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/testkit/recorded"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// verdict says what answers mean to the user.
type verdict struct {
	kind   transport.Kind // of the server; "" is both
	calls  string         // of the client, with blanks between; "" is all
	status int            // 4 is all of 4xx; 0 is all
	words  string         // a pattern in the body
	names  string         // a pattern in the name of the exchange

	want string // the exit code, and "row" if a row of the batch is to blame
	// todo says what is wrong with the client, until somebody mends it: they delete
	// this, and the test fails before.
	todo string
}

func (v verdict) judges(kind transport.Kind, call string, e *recorded.Exchange) bool {
	fits := func(pattern, text string) bool { return pattern == "" || regexp.MustCompile(pattern).MatchString(text) }
	status := v.status == 0 || v.status == e.Response.Status || v.status == e.Response.Status/100
	return (v.kind == "" || v.kind == kind) && (v.calls == "" || slices.Contains(strings.Fields(v.calls), call)) &&
		status && fits(v.words, string(e.Response.Body)) && fits(v.names, e.Name)
}

const (
	account = transport.KindAccount
	project = transport.KindProject
)

// verdicts are derived from the exit codes (docs/cli/exit-codes.md) and from what is known of
// the servers (docs/protocol), not from what the client does. An answer is judged
// by the first that fits it.
var verdicts = []verdict{
	// No content that was pushed for the recording fits its id. One has the shape of
	// what old clients made of chunks, so it is reduced: account-server.md 3.5, 3.6.
	{kind: account, calls: "chunk", status: 200, names: `^db-`, want: "3"},
	{kind: account, calls: "chunk", status: 200, want: "7"},
	{kind: project, calls: "chunk", status: 200, words: `^null$`, want: "7"}, // project-server.md 3.1
	{calls: "mutations", status: 200, words: `"accepted":0`, want: "8"},      // project-server.md 5: it is never believed
	{status: 2, want: "0"},

	// Tokens: account-server.md 11, project-server.md 14.
	{status: 401, words: `cloudstore: `, want: "5"},
	{kind: account, calls: "journal", status: 401, names: `^db-`, want: "5"},
	{status: 401, want: "4"},

	// What the server refuses for what it is: account-server.md 1.2, 1.3, 4.5, project-server.md 1.
	{kind: account, calls: "chunk", status: 404, names: `^db-`, want: "5"},        // account-server.md 11
	{kind: project, calls: "login register refresh mint", status: 404, want: "2"}, // project-server.md 1
	{status: 404, want: "6"},
	{kind: project, status: 403, words: `principal is required`, want: "4"}, // engram-2.md 4.2, project-server.md 14
	{status: 403, want: "6"},
	{kind: project, calls: "push", status: 409, words: `chunk_conflict`, want: "7"}, // project-server.md 1: other content has the id
	{status: 409, want: "6"},
	{status: 413, want: "6"},
	{status: 429, want: "5"},
	{kind: account, calls: "push mutations", status: 400, words: `failed to read body`, want: "5"}, // account-server.md 10
	{kind: account, calls: "mutations", status: 400, want: "6 row"},
	{kind: project, calls: "mutations", status: 400, words: `invalid relation payload`, want: "6 row"}, // project-server.md 4.1
	{status: 400, want: "6"},

	// The classes of PostgreSQL, in either spelling: account-server.md 11, project-server.md 14.
	{kind: account, status: 500, words: `\(23503\)`, want: "6"},
	{kind: account, calls: "mutations", status: 500, words: `\((22|23|54)...\)`, want: "6 row"},
	{kind: account, status: 500, words: `\((22|54)...\)`, want: "6"},
	{calls: "mutations", status: 500, words: `SQLSTATE (22|54)`, want: "6 row"},
	{status: 500, words: `SQLSTATE (22|54)`, want: "6"},

	// What they say of a row in words of their own: account-server.md 4.1, project-server.md 4.1.
	{calls: "mutations", status: 500, words: `decode project|canonicalize|materialize`, want: "6 row"},
	{kind: account, calls: "register", status: 500, words: `password length exceeds`, want: "6"}, // account-server.md 2.1

	// Anything else that is 5xx passes. Of a push nobody knows what became, where the
	// server can't be asked either.
	{calls: "push mutations", status: 5, names: `^db-`, want: "8"},
	{status: 5, want: "5"},
}
