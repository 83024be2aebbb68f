-- +goose Up

-- used is what counts for the quota, which is NULL where the server's own holds.
ALTER TABLE users ADD COLUMN quota bigint;
ALTER TABLE users ADD COLUMN used bigint NOT NULL DEFAULT 0;
UPDATE users u SET used = (SELECT coalesce(sum(size), 0) FROM chunks WHERE user_id = u.id) +
	(SELECT coalesce(sum(octet_length(entity) + octet_length(entity_key) + octet_length(op) + octet_length(payload)), 0)
		FROM mutations WHERE user_id = u.id);

-- An invitation is kept by the hash of its code.
CREATE TABLE invitations (
	code_sha256 text COLLATE "C" PRIMARY KEY,
	until       timestamptz NOT NULL
);

-- How often a client tried something in the time that ends: for all processes. A crash may forget it.
CREATE UNLOGGED TABLE attempts (
	kind   text COLLATE "C" NOT NULL,
	client text COLLATE "C" NOT NULL,
	ends   timestamptz NOT NULL,
	used   integer NOT NULL,
	PRIMARY KEY (kind, client)
);
CREATE INDEX attempts_ends ON attempts (ends);
