-- Hashes are keyed, and 32 bytes. Times are Unix, in ms.

-- The one person that a user is, and the verdict that said so.
CREATE TABLE IF NOT EXISTS users (
	user_id         VARCHAR(64) NOT NULL PRIMARY KEY,
	person          BYTEA, -- hash; NULL: not verified
	verified_at     BIGINT,
	request_id      VARCHAR(128),
	day             BIGINT NOT NULL DEFAULT 0,  -- of the attempts
	attempts        INTEGER NOT NULL DEFAULT 0, -- to be a person
	claimed         BYTEA                       -- hash of the person of the last attempt
);

CREATE TABLE IF NOT EXISTS withdrawals (
	id              VARCHAR(64) NOT NULL PRIMARY KEY,
	user_id         VARCHAR(64) NOT NULL,
	person          BYTEA NOT NULL,                     -- hash
	amount          BIGINT NOT NULL CHECK (amount > 0), -- in fen
	idempotency_key BYTEA,                              -- hash; each NULL counts as another one
	paid_at         BIGINT NOT NULL,
	verified_at     BIGINT NOT NULL,       -- when the service gave the verdict
	request_id      VARCHAR(128) NOT NULL, -- of the service
	UNIQUE (user_id, idempotency_key)
);
