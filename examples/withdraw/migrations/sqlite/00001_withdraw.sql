-- +goose Up

-- Hashes are keyed, and 32 bytes. Times are Unix, in ms, by this database's clock.

CREATE TABLE hash_key (
	id              INTEGER PRIMARY KEY CHECK (id = 1),
	key_check       BLOB NOT NULL
) STRICT;

-- The one person that a user is. Whoever changes anything of a user's locks the row.
CREATE TABLE users (
	user_id         TEXT NOT NULL PRIMARY KEY,
	person          BLOB -- hash; NULL: not verified
) STRICT;

-- The persons whom a user has claimed to be in the last 24 hours.
CREATE TABLE attempts (
	user_id         TEXT NOT NULL,
	person          BLOB NOT NULL, -- hash
	asked_at        INTEGER NOT NULL,
	pending         INTEGER NOT NULL, -- withdrawals of which it is not known that they cost nothing
	PRIMARY KEY (user_id, person)
) STRICT;

-- Every question that went to the service, or was about to.
CREATE TABLE questions (
	id              TEXT NOT NULL PRIMARY KEY,
	person          BLOB NOT NULL,            -- hash
	asked_at        INTEGER NOT NULL,
	answer          TEXT NOT NULL DEFAULT '', -- see journal.go; empty: asked and not answered
	request_id      TEXT NOT NULL DEFAULT ''  -- of the service
) STRICT;
CREATE INDEX questions_by_answer ON questions (answer, asked_at);
CREATE INDEX questions_by_person ON questions (person, asked_at);

CREATE TABLE withdrawals (
	id              TEXT NOT NULL PRIMARY KEY,
	user_id         TEXT NOT NULL,
	person          BLOB NOT NULL,                       -- hash
	amount          INTEGER NOT NULL CHECK (amount > 0), -- in fen
	idempotency_key BLOB,                                -- hash; each NULL counts as another one
	paid_at         INTEGER NOT NULL,
	UNIQUE (user_id, idempotency_key)
) STRICT;
