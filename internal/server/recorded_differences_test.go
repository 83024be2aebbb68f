package server_test

import "github.com/engram-sync/engram-sync/internal/testkit/recorded"

// The classes of differences from engram 1.9.4's server. Each is a row of the
// table in docs/self-hosting.md, which has the reason.
const (
	ownWords      = "what is wrong with bad JSON"
	noTables      = "texts that PostgreSQL or a search index cannot hold"
	oneContent    = "the same id with other content"
	standsOnce    = "a member that counts and stands twice in its object"
	namedMutation = "a mutation that cannot be stored"
	sameBytes     = "payloads of mutations"
	pageBytes     = "a page of mutations"
	allOfPassword = "passwords"
	badNames      = "NUL and invalid UTF-8 in what somebody signs in or registers with"
	goneAccounts  = "tokens of accounts that no longer exist or are disabled"
	noSearch      = "search, context and dashboard"
)

const (
	noPayload    = "payload is missing"
	wrongPayload = "mutations[0]: payload must be an object, a string that holds one, or null"
	staleToken   = "invalid or expired token"
	noPage       = "404 page not found"
)

var (
	answers = recorded.Answers
	alike   = recorded.Alike
)

// differences are all answers that are otherwise than recorded, on purpose.
var differences = []recorded.Row{
	answers(ownWords, 400, "chunk_id must be a string", "push-id-number"),
	answers(ownWords, 400, "data must be an object", "push-data-string push-data-array"),
	answers(ownWords, 400, "not valid JSON at byte 0: it ends too early", "push-empty-body mpush-empty-body"),
	answers(ownWords, 400, "not valid JSON at byte 43: it ends too early", "push-cut"),
	answers(ownWords, 400, "not valid JSON at byte 0: 'h' where a value must stand", "push-not-json mpush-not-json"),
	answers(ownWords, 400, "not valid JSON at byte 0: 'ï' where", "push-bom"),
	answers(ownWords, 400, `not valid JSON at byte 0: '\\x1f' where`, "push-gzip push-gzip-media-type mpush-gzip"),
	answers(ownWords, 400, "the request must be an object", "push-array mpush-array"),
	answers(ownWords, 400, "'x' after the end", "push-trailing-bytes mpush-trailing"),
	answers(ownWords, 400, "'{' after the end", "push-two-values"),
	answers(ownWords, 400, "title in observations must be a string", "push-wrong-type"),
	answers(ownWords, 400, "control character 0x00 in a string", "push-nul-raw"),
	answers(ownWords, 400, "nested more than 10000 deep", "push-depth-10001 mpush-depth-over"),
	answers(ownWords, 400, "mutations must be an array", "mpush-list-string"),
	answers(ownWords, 400, "mutations[0]: it must be an object", "mpush-entry-number"),
	answers(ownWords, 400, "mutations[0]: entity must be a string", "mpush-entity-number"),

	answers(noTables, 200, `"sessions_stored":1`, "push-nul-session push-session-id-9000"),
	answers(noTables, 200, `"observations_stored":2`, "push-nul-observation"),
	answers(noTables, 200, `"observations_stored":1`, "push-title-3000 push-content-words"),
	answers(noTables, 200, `"prompts_stored":1`, "push-nul-prompt push-content-words-prompt"),
	answers(noTables, 200, `"status":"accepted"`, "push-nul-created-by"),
	answers(noTables, 200, `{"chunk_id":"00000018"`, "pull-after-nul"),
	answers(noTables, 200, `{"chunk_id":"00000023"`, "pull-content-words"),
	alike(noTables, "manifest-full"), // with these chunks

	answers(oneContent, 409, "chunk 0000000a already exists with different content", "push-same-id-other-bytes"),

	answers(standsOnce, 400, "member chunk_id stands twice", "push-duplicate-members push-case-member"),
	answers(standsOnce, 404, "chunk not found", "pull-duplicate-last"),

	answers(namedMutation, 400, "mutations[0]: "+noPayload, "mpush-entry-null mpush-entry-empty mpush-no-payload"),
	answers(namedMutation, 400, "mutations[4]: "+noPayload, "mpush-one-nopayload-of-five"),
	answers(namedMutation, 400, wrongPayload, "mpush-string-payload-bad mpush-string-payload-empty mpush-number-payload "+
		"mpush-array-payload mpush-bool-payload mpush-error-then-paused"),
	answers(namedMutation, 400, "mutations[0]: the payload's project must be a string", "mpush-project-number"),
	answers(namedMutation, 400, "mutations[0]: payload contains a NUL character", "mpush-nul mpush-nul-project"),
	answers(namedMutation, 400, "mutations[2]: payload contains a NUL character", "mpush-one-bad-of-five"),
	answers(namedMutation, 400, "mutations[0]: entity_key contains a NUL character", "mpush-nul-key"),
	answers(namedMutation, 400, "mutations[0]: entity contains a NUL character", "mpush-nul-entity"),
	answers(namedMutation, 400, "mutations[0]: payload contains a lone surrogate", "mpush-lone-surrogate"),
	answers(namedMutation, 400, "mutations[0]: payload is not valid UTF-8", "mpush-bad-utf8"),
	answers(namedMutation, 400, "mutations[0]: entity_key is not valid UTF-8", "mpush-bad-utf8-key"), // U+FFFD in it there

	answers(sameBytes, 200, `"accepted":1`, "mpush-1e200000"),
	alike(sameBytes, "mpull-first mpull-next mpull-all-small mpull-default mpull-limit-0 mpull-limit-minus mpull-limit-text "+
		"mpull-limit-101 mpull-limit-overflow mpull-since-plus-escaped mpull-b mpull-b-exact"),

	answers(pageBytes, 200, `],"has_more":true}`, "mpull-d-deep-and-big"),

	answers(allOfPassword, 201, `"username":"cleo"`, "register-long-password"),
	answers(allOfPassword, 401, "invalid credentials", "login-73-bytes"),

	answers(badNames, 400, "username must not contain a NUL character", "register-nul"),
	answers(badNames, 400, "identifier must not contain a NUL character", "login-nul"),
	answers(badNames, 400, "invalid json: not valid UTF-8", "login-bad-utf8"),

	answers(goneAccounts, 401, staleToken, "push-ghost push-ghost-empty push-not-uuid pull-ghost pull-not-uuid "+
		"mpush-ghost mpush-ghost-empty mpush-not-uuid mpull-ghost mpull-not-uuid"),
	answers(goneAccounts, 401, staleToken, "deleted-manifest deleted-pull deleted-push deleted-push-empty "+
		"deleted-mutations-push deleted-mutations-pull deleted-api-key-mint deleted-api-key-use"),
	answers(goneAccounts, 401, "invalid or expired refresh token", "deleted-refresh"),

	answers(noSearch, 404, noPage, "no-bearer-search bad-bearer-search expired-bearer-search search-after-nul search-good "+
		"search-none search-no-q search-nul search-bad-utf8 db-up-search db-just-started-search deleted-search"),
	answers(noSearch, 404, noPage, "no-bearer-context bad-bearer-context expired-bearer-context context-good "+
		"context-none db-up-context db-just-started-context deleted-context"),
}
