CREATE TABLE IF NOT EXISTS id2meta_cache (
	id         BINARY(32)      NOT NULL PRIMARY KEY,
	value      VARBINARY(1024) NOT NULL,
	expires_at BIGINT          NOT NULL, -- milliseconds since 1970
	KEY id2meta_cache_expires_at (expires_at)
) ENGINE = InnoDB;
