-- +goose Up

-- Names sort and compare by their bytes. An email is NULL for the built-in user,
-- of which there is one at most; a password hash is NULL where no password fits.
CREATE TABLE users (
	id            text COLLATE "C" PRIMARY KEY,
	username      text COLLATE "C" NOT NULL UNIQUE,
	email         text COLLATE "C" UNIQUE,
	password_hash text,
	token_tag     text NOT NULL DEFAULT '',
	builtin       boolean NOT NULL DEFAULT false,
	disabled      boolean NOT NULL DEFAULT false,
	manifest_tag  text NOT NULL,
	created_at    timestamptz NOT NULL
);
CREATE UNIQUE INDEX users_builtin ON users (builtin) WHERE builtin;

CREATE TABLE api_keys (
	user_id    text COLLATE "C" PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
	key_sha256 text COLLATE "C" NOT NULL UNIQUE,
	created_at timestamptz NOT NULL
);

-- seq is the order of a manifest. It is given while the user's row is locked, so
-- that it is the order of commits as well, and is never used again: a reader of a
-- chunk that gets replaced finds nothing instead of a mixture.
-- created_by can hold U+0000, which text cannot. data_sha256 is NULL for a body
-- without data.
CREATE TABLE chunks (
	seq         bigint PRIMARY KEY,
	user_id     text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	chunk_id    text COLLATE "C" NOT NULL,
	created_by  bytea NOT NULL,
	created_at  timestamptz NOT NULL,
	sessions    integer NOT NULL,
	memories    integer NOT NULL,
	prompts     integer NOT NULL,
	version     integer NOT NULL,
	size        bigint NOT NULL,
	body        bigint NOT NULL UNIQUE,
	body_sha256 text NOT NULL,
	data_sha256 text,
	UNIQUE (user_id, chunk_id)
);
CREATE INDEX chunks_of_user ON chunks (user_id, seq);
CREATE SEQUENCE chunk_seqs;

-- A body lies in pieces, so that neither writing nor reading holds one whole;
-- start is the offset of a piece in it. They are stored before the chunk is, whose
-- row is written last, when it is its turn.
CREATE SEQUENCE bodies;
CREATE TABLE pieces (
	body  bigint NOT NULL REFERENCES chunks (body) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	start bigint NOT NULL,
	bytes bytea NOT NULL,
	PRIMARY KEY (body, start)
);
ALTER TABLE pieces ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- seq is one list of numbers for all accounts, given while the user's row is locked:
-- rows of a journal become visible in the order of their numbers.
-- payload is the JSON text as it was sent.
CREATE SEQUENCE mutation_seqs;
CREATE TABLE mutations (
	seq         bigint PRIMARY KEY,
	user_id     text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	entity      text COLLATE "C" NOT NULL,
	entity_key  text COLLATE "C" NOT NULL,
	op          text COLLATE "C" NOT NULL,
	payload     bytea NOT NULL,
	occurred_at timestamptz NOT NULL
);
CREATE INDEX mutations_of_user ON mutations (user_id, seq);

-- What was answered to a push that had an idempotency key; sha256 is that of its
-- mutations.
CREATE TABLE mutation_pushes (
	user_id         text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	idempotency_key text COLLATE "C" NOT NULL,
	sha256          text NOT NULL,
	accepted        integer NOT NULL,
	last_seq        bigint NOT NULL,
	PRIMARY KEY (user_id, idempotency_key)
);

-- What all processes have in common, and nobody else may know.
CREATE TABLE secrets (
	name  text PRIMARY KEY,
	value bytea NOT NULL
);
