-- Hashes are keyed, and 32 bytes. Times are Unix, in ms.

-- The one person that a user is, and the verdict that said so.
CREATE TABLE IF NOT EXISTS users (
	user_id         TEXT NOT NULL PRIMARY KEY,
	person          BLOB, -- hash; NULL: not verified
	verified_at     INTEGER,
	request_id      TEXT,
	day             INTEGER NOT NULL DEFAULT 0,  -- of the attempts
	attempts        INTEGER NOT NULL DEFAULT 0, -- to be a person
	claimed         BLOB                       -- hash of the person of the last attempt
) STRICT;

CREATE TABLE IF NOT EXISTS withdrawals (
	id              TEXT NOT NULL PRIMARY KEY,
	user_id         TEXT NOT NULL,
	person          BLOB NOT NULL,                     -- hash
	amount          INTEGER NOT NULL CHECK (amount > 0), -- in fen
	idempotency_key BLOB,                              -- hash; each NULL counts as another one
	paid_at         INTEGER NOT NULL,
	verified_at     INTEGER NOT NULL, -- when the service gave the verdict
	request_id      TEXT NOT NULL,   -- of the service
	UNIQUE (user_id, idempotency_key)
) STRICT;
