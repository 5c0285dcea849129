CREATE TABLE IF NOT EXISTS id2meta_cache (
	id         BYTEA  NOT NULL PRIMARY KEY,
	value      BYTEA  NOT NULL,
	expires_at BIGINT NOT NULL -- milliseconds since 1970
);
CREATE INDEX IF NOT EXISTS id2meta_cache_expires_at ON id2meta_cache (expires_at);
