-- +goose Up

-- When and from where an account came last.
ALTER TABLE users ADD COLUMN seen_at timestamptz;
ALTER TABLE users ADD COLUMN seen_from text NOT NULL DEFAULT '';

-- What tells this database from others, and from older copies: one row.
CREATE TABLE lineage (
	key_sha256 text NOT NULL,
	opened     bigint NOT NULL
);
INSERT INTO lineage VALUES ('', 0);
