-- +goose Up

-- MySQL commits each of these by itself, so each can be repeated. ascii_bin: alice
-- and Alice are two users.
--
-- Hashes are keyed, and 32 bytes. Times are Unix, in ms, by this database's clock.

CREATE TABLE IF NOT EXISTS hash_key (
	id              INTEGER PRIMARY KEY CHECK (id = 1),
	key_check       VARBINARY(32) NOT NULL
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The one person that a user is. Whoever changes anything of a user's locks the row.
CREATE TABLE IF NOT EXISTS users (
	user_id         VARCHAR(64) NOT NULL PRIMARY KEY,
	person          VARBINARY(32) -- hash; NULL: not verified
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- The persons whom a user has claimed to be in the last 24 hours.
CREATE TABLE IF NOT EXISTS attempts (
	user_id         VARCHAR(64) NOT NULL,
	person          VARBINARY(32) NOT NULL, -- hash
	asked_at        BIGINT NOT NULL,
	pending         INTEGER NOT NULL, -- withdrawals of which it is not known that they cost nothing
	PRIMARY KEY (user_id, person)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

-- Every question that went to the service, or was about to.
CREATE TABLE IF NOT EXISTS questions (
	id              VARCHAR(64) NOT NULL PRIMARY KEY,
	person          VARBINARY(32) NOT NULL,           -- hash
	asked_at        BIGINT NOT NULL,
	answer          VARCHAR(16) NOT NULL DEFAULT '',  -- see journal.go; empty: asked and not answered
	request_id      VARCHAR(128) NOT NULL DEFAULT '', -- of the service
	INDEX questions_by_answer (answer, asked_at),
	INDEX questions_by_person (person, asked_at)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;

CREATE TABLE IF NOT EXISTS withdrawals (
	id              VARCHAR(64) NOT NULL PRIMARY KEY,
	user_id         VARCHAR(64) NOT NULL,
	person          VARBINARY(32) NOT NULL,             -- hash
	amount          BIGINT NOT NULL CHECK (amount > 0), -- in fen
	idempotency_key VARBINARY(32),                      -- hash; each NULL counts as another one
	paid_at         BIGINT NOT NULL,
	UNIQUE (user_id, idempotency_key)
) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;
