package sqlite

import (
	"context"
	"database/sql"
)

// migrations lead from one version of the schema to the next: the first one
// makes version 1. They are never edited, only added to.
var migrations = []migration{statements(schema1), statements(schema2), statements(schema3), statements(schema4), judgeVersions, statements(schema6), statements(schema7), statements(schema8), statements(schema9)}

type migration func(ctx context.Context, tx *sql.Tx) error

func statements(text string) migration {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, text)
		return err
	}
}

// A body lies in pieces, so that neither writing nor reading holds one whole; start
// is the offset of a piece in it.
// seq is the order in which chunks were stored; it is never used again, so a
// reader of a chunk that gets replaced finds nothing instead of a mixture.
// data_sha256 is of the bytes of the envelope's data member, NULL without one.
// manifest_tag changes with every change of the account's chunks.
const schema1 = `
CREATE TABLE users (
	id            TEXT PRIMARY KEY,
	username      TEXT NOT NULL UNIQUE,
	email         TEXT UNIQUE,
	password_hash TEXT,
	builtin       INTEGER NOT NULL DEFAULT 0,
	disabled      INTEGER NOT NULL DEFAULT 0,
	manifest_tag  TEXT NOT NULL,
	created_at    TEXT NOT NULL
) STRICT;
CREATE TABLE api_keys (
	user_id    TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
	key_sha256 TEXT NOT NULL UNIQUE,
	created_at TEXT NOT NULL
) STRICT;
CREATE TABLE chunks (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	chunk_id    TEXT NOT NULL,
	created_by  TEXT NOT NULL,
	created_at  TEXT NOT NULL,
	sessions    INTEGER NOT NULL,
	memories    INTEGER NOT NULL,
	prompts     INTEGER NOT NULL,
	size        INTEGER NOT NULL,
	body_sha256 TEXT NOT NULL,
	data_sha256 TEXT,
	UNIQUE (user_id, chunk_id)
) STRICT;
CREATE TABLE pieces (
	chunk INTEGER NOT NULL REFERENCES chunks (seq) ON DELETE CASCADE,
	start INTEGER NOT NULL,
	bytes BLOB NOT NULL,
	PRIMARY KEY (chunk, start)
) STRICT;
`

// token_tag changes with the password; tokens carry the one they were issued
// under. It is empty in tokens from before this column. The application id is
// that of identity.go.
const schema2 = `
ALTER TABLE users ADD COLUMN token_tag TEXT NOT NULL DEFAULT '';
PRAGMA application_id = 0x456e6773;
`

// seq is one list of numbers for all accounts. SQLite has one writer at a time,
// and takes a number back with its transaction: rows become visible in the order
// of their numbers. AUTOINCREMENT, so that no number is ever used again.
// payload is the JSON text as it was sent. A row of mutation_pushes remembers
// what was answered to a push that had an idempotency key; sha256 is that of its
// mutations.
const schema3 = `
CREATE TABLE mutations (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	entity      TEXT NOT NULL,
	entity_key  TEXT NOT NULL,
	op          TEXT NOT NULL,
	payload     TEXT NOT NULL,
	occurred_at TEXT NOT NULL
) STRICT;
CREATE INDEX mutations_of_user ON mutations (user_id, seq);
CREATE TABLE mutation_pushes (
	user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	idempotency_key TEXT NOT NULL,
	sha256          TEXT NOT NULL,
	accepted        INTEGER NOT NULL,
	last_seq        INTEGER NOT NULL,
	PRIMARY KEY (user_id, idempotency_key)
) STRICT, WITHOUT ROWID;
`

// version is that of a manifest which lists the chunk. Version 5 judges it anew.
const schema4 = `
ALTER TABLE chunks ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
UPDATE chunks SET version = 2 WHERE EXISTS (
	SELECT 1 FROM pieces WHERE chunk = seq AND instr(bytes, CAST('"ownership_mode":"project_owned"' AS BLOB)) > 0);
`

// used is what counts for the quota, which is NULL where the server's own holds. An invitation is kept by
// the hash of its code.
const schema6 = `
ALTER TABLE users ADD COLUMN quota INTEGER;
ALTER TABLE users ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
UPDATE users SET used = (SELECT coalesce(sum(size), 0) FROM chunks WHERE user_id = id) +
	(SELECT coalesce(sum(octet_length(entity) + octet_length(entity_key) + octet_length(op) + octet_length(payload)), 0)
		FROM mutations WHERE user_id = id);
CREATE TABLE invitations (
	code_sha256 TEXT PRIMARY KEY,
	until       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`

// seen_at and seen_from say when and from where an account came last. lineage has one row.
const schema7 = `
ALTER TABLE users ADD COLUMN seen_at TEXT;
ALTER TABLE users ADD COLUMN seen_from TEXT NOT NULL DEFAULT '';
CREATE TABLE lineage (
	key_sha256 TEXT NOT NULL,
	opened     INTEGER NOT NULL
) STRICT;
INSERT INTO lineage VALUES ('', 0);
`

// A list of chunks comes in the order of seq, without all of it being sorted before the first one.
const schema8 = `CREATE INDEX chunks_of_user ON chunks (user_id, seq)`

// sessions has those that were seen. They are nobody's way in: tokens say themselves whose they are.
const schema9 = `
CREATE TABLE sessions (
	id        TEXT PRIMARY KEY,
	user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	kind      TEXT NOT NULL,
	client    TEXT NOT NULL,
	began_at  TEXT NOT NULL,
	until     TEXT NOT NULL,
	seen_at   TEXT NOT NULL,
	seen_from TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user_id);
`
