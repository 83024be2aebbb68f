-- +goose Up

-- Sessions that were seen. They are nobody's way in: tokens say themselves whose they are.
CREATE TABLE sessions (
	id        text COLLATE "C" PRIMARY KEY,
	user_id   text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	kind      text NOT NULL,
	client    text NOT NULL,
	began_at  timestamptz NOT NULL,
	until     timestamptz NOT NULL,
	seen_at   timestamptz NOT NULL,
	seen_from text NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id);
