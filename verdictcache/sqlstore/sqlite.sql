CREATE TABLE IF NOT EXISTS id2meta_cache (
	id         BLOB    NOT NULL PRIMARY KEY,
	value      BLOB    NOT NULL,
	expires_at INTEGER NOT NULL -- milliseconds since 1970
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS id2meta_cache_expires_at ON id2meta_cache (expires_at);
