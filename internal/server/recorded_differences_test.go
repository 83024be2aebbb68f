package server_test

// difference is a way in which this server answers otherwise than engram 1.9.4's
// does, on purpose. The classes and their reasons are told in docs/self-hosting.md.
type difference struct {
	class class
	// status and text are this server's answer; the text is part of it. Where
	// status is 0 the answers are alike but for what the class is about.
	status int
	text   string
	names  string // of the exchanges
}

// class says what differs; its text is the row of the table in docs/self-hosting.md.
type class string

const (
	ownWords      class = "what is wrong with a body that is no good JSON"
	noTables      class = "texts that PostgreSQL or a search index cannot hold"
	oneContent    class = "the same id with other content"
	standsOnce    class = "a member that stands twice"
	namedMutation class = "a mutation that cannot be stored"
	sameBytes     class = "payloads of mutations"
	pageBytes     class = "a page of mutations"
	allOfPassword class = "passwords"
	badNames      class = "texts of a sign-in or registration that no account can have"
	goneAccounts  class = "tokens of accounts that no longer exist or are disabled"
	noSearch      class = "search, context and dashboard"
)

const (
	noPayload    = "payload is missing"
	wrongPayload = "mutations[0]: payload must be an object, a string that holds one, or null"
	staleToken   = "invalid or expired token"
	noPage       = "404 page not found"
)

var differences = []difference{
	{ownWords, 400, "chunk_id must be a string", "push-id-number"},
	{ownWords, 400, "data must be an object", "push-data-string push-data-array"},
	{ownWords, 400, "not valid JSON at byte 0: it ends too early", "push-empty-body mpush-empty-body"},
	{ownWords, 400, "not valid JSON at byte 43: it ends too early", "push-cut"},
	{ownWords, 400, "not valid JSON at byte 0: 'h' where a value must stand", "push-not-json mpush-not-json"},
	{ownWords, 400, "not valid JSON at byte 0: 'ï' where", "push-bom"},
	{ownWords, 400, `not valid JSON at byte 0: '\\x1f' where`, "push-gzip push-gzip-media-type mpush-gzip"},
	{ownWords, 400, "the request must be an object", "push-array mpush-array"},
	{ownWords, 400, "'x' after the end", "push-trailing-bytes mpush-trailing"},
	{ownWords, 400, "'{' after the end", "push-two-values"},
	{ownWords, 400, "title in observations must be a string", "push-wrong-type"},
	{ownWords, 400, "control character 0x00 in a string", "push-nul-raw"},
	{ownWords, 400, "nested more than 10000 deep", "push-depth-10001 mpush-depth-over"},
	{ownWords, 400, "mutations must be an array", "mpush-list-string"},
	{ownWords, 400, "mutations[0]: it must be an object", "mpush-entry-number"},
	{ownWords, 400, "mutations[0]: entity must be a string", "mpush-entity-number"},

	{noTables, 200, `"sessions_stored":1`, "push-nul-session push-session-id-9000"},
	{noTables, 200, `"observations_stored":2`, "push-nul-observation"},
	{noTables, 200, `"observations_stored":1`, "push-title-3000 push-content-words"},
	{noTables, 200, `"prompts_stored":1`, "push-nul-prompt push-content-words-prompt"},
	{noTables, 200, `"status":"accepted"`, "push-nul-created-by"},
	{noTables, 200, `{"chunk_id":"00000018"`, "pull-after-nul"},
	{noTables, 200, `{"chunk_id":"00000023"`, "pull-content-words"},
	{noTables, 0, "", "manifest-full"}, // with these chunks

	{oneContent, 409, "chunk 0000000a already exists with different content", "push-same-id-other-bytes"},

	{standsOnce, 400, "member chunk_id stands twice", "push-duplicate-members push-case-member"},
	{standsOnce, 404, "chunk not found", "pull-duplicate-last"},

	{namedMutation, 400, "mutations[0]: " + noPayload, "mpush-entry-null mpush-entry-empty mpush-no-payload"},
	{namedMutation, 400, "mutations[4]: " + noPayload, "mpush-one-nopayload-of-five"},
	{namedMutation, 400, wrongPayload, "mpush-string-payload-bad mpush-string-payload-empty mpush-number-payload " +
		"mpush-array-payload mpush-bool-payload mpush-error-then-paused"},
	{namedMutation, 400, "mutations[0]: the payload's project must be a string", "mpush-project-number"},
	{namedMutation, 400, "mutations[0]: payload contains a NUL character", "mpush-nul mpush-nul-project"},
	{namedMutation, 400, "mutations[2]: payload contains a NUL character", "mpush-one-bad-of-five"},
	{namedMutation, 400, "mutations[0]: entity_key contains a NUL character", "mpush-nul-key"},
	{namedMutation, 400, "mutations[0]: entity contains a NUL character", "mpush-nul-entity"},
	{namedMutation, 400, "mutations[0]: payload contains a lone surrogate", "mpush-lone-surrogate"},
	{namedMutation, 400, "mutations[0]: payload is not valid UTF-8", "mpush-bad-utf8"},
	{namedMutation, 400, "mutations[0]: entity_key is not valid UTF-8", "mpush-bad-utf8-key"}, // U+FFFD in it there

	{sameBytes, 200, `"accepted":1`, "mpush-1e200000"},
	{sameBytes, 0, "", "mpull-first mpull-next mpull-all-small mpull-default mpull-limit-0 mpull-limit-minus mpull-limit-text " +
		"mpull-limit-101 mpull-limit-overflow mpull-since-plus-escaped mpull-b mpull-b-exact"},

	{pageBytes, 200, `],"has_more":true}`, "mpull-d-deep-and-big"},

	{allOfPassword, 201, `"username":"cleo"`, "register-long-password"},
	{allOfPassword, 401, "invalid credentials", "login-73-bytes"},

	{badNames, 400, "username must not contain a NUL character", "register-nul"},
	{badNames, 400, "identifier must not contain a NUL character", "login-nul"},
	{badNames, 400, "invalid json: not valid UTF-8", "login-bad-utf8"},

	{goneAccounts, 401, staleToken, "push-ghost push-ghost-empty push-not-uuid pull-ghost pull-not-uuid " +
		"mpush-ghost mpush-ghost-empty mpush-not-uuid mpull-ghost mpull-not-uuid"},
	{goneAccounts, 401, staleToken, "deleted-manifest deleted-pull deleted-push deleted-push-empty " +
		"deleted-mutations-push deleted-mutations-pull deleted-api-key-mint deleted-api-key-use"},
	{goneAccounts, 401, "invalid or expired refresh token", "deleted-refresh"},

	{noSearch, 404, noPage, "no-bearer-search bad-bearer-search expired-bearer-search search-after-nul search-good " +
		"search-none search-no-q search-nul search-bad-utf8 db-up-search deleted-search"},
	{noSearch, 404, noPage, "no-bearer-context bad-bearer-context expired-bearer-context context-good " +
		"context-none db-up-context deleted-context"},
}
