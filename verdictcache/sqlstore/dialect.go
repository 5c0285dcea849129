package sqlstore

import (
	"embed"
	"strconv"
	"strings"

	"github.com/id2meta/id2meta/verdictcache"
)

// Dialect is the SQL that a database speaks. The README of this package shows the
// table in each dialect.
type Dialect string

const (
	// SQLite is SQLite 3.24 or newer. All processes that share a file run on one
	// machine.
	SQLite Dialect = "sqlite"

	// PostgreSQL is PostgreSQL 9.5 or newer. Behind a PgBouncer that pools
	// transactions, use pgx with default_query_exec_mode=exec. PostgreSQL looks for
	// the table along the search_path.
	PostgreSQL Dialect = "postgresql"

	// MySQL is MySQL 5.7 or newer, or MariaDB 10.2 or newer, with autocommit. Any time zone
	// and either value of clientFoundRows will do. The table is in the connection's database.
	MySQL Dialect = "mysql"
)

//go:embed *.sql
var schemas embed.FS

// grammar holds the statements of a Dialect. Their arguments have the same order in all
// dialects: the new value, its ttl in milliseconds, the id, the old value.
type grammar struct {
	schema, load, swap, remove, delete, expired string

	write      []string // until one of them changes a row
	autocommit string   // asks whether it is on; empty where it always is
}

const (
	load   = `SELECT value FROM id2meta_cache WHERE id = ? AND {live}`
	update = `UPDATE id2meta_cache SET value = ?, expires_at = {now} + ? WHERE id = ? AND value = ? AND {live}`
	remove = `DELETE FROM id2meta_cache WHERE id = ? AND value = ? AND {live}`

	// SQLite and PostgreSQL need one statement to write a value where there is none.
	// The upsert of MySQL does not do: with clientFoundRows its count is the same for a
	// row that was inserted and for a row that stayed. So MySQL first inserts. Then it
	// overwrites a row that counts as no value. Then it inserts again, in case the row
	// was deleted after the first insert.
	upsert = `INSERT INTO id2meta_cache (value, expires_at, id) VALUES (?, {now} + ?, ?)
ON CONFLICT (id) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at WHERE NOT ({live})`
	insert    = `INSERT IGNORE INTO id2meta_cache (value, expires_at, id) VALUES (?, {now} + ?, ?)`
	overwrite = `UPDATE id2meta_cache SET value = ?, expires_at = {now} + ? WHERE id = ? AND NOT ({live})`

	expiredByID = `DELETE FROM id2meta_cache WHERE expires_at <= {now} AND id IN
(SELECT id FROM id2meta_cache WHERE expires_at <= {now} ORDER BY expires_at LIMIT ?)`
	expiredLimit = `DELETE FROM id2meta_cache WHERE expires_at <= {now} ORDER BY expires_at LIMIT ?`

	// live is the condition that a row holds a value. A row that is too long does not
	// even leave the database.
	live = `id2meta_cache.expires_at > {now} AND length(id2meta_cache.value) BETWEEN 1 AND {max}`
)

func (d Dialect) grammar() (grammar, error) {
	schema, err := schemas.ReadFile(string(d) + ".sql")
	if err != nil {
		return grammar{}, err
	}
	live, write, expired, now, autocommit := live, []string{upsert}, expiredByID, "", ""
	switch d {
	case SQLite:
		live += ` AND typeof(id2meta_cache.value) = 'blob'` // any column may hold any type
		// unixepoch('subsec') is newer than many systems.
		now = `CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`
	case PostgreSQL:
		// now() would be the time when the transaction began: it may have waited for a lock.
		now = `CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)`
	case MySQL:
		write, expired = []string{insert, overwrite, insert}, expiredLimit
		autocommit = `SELECT @@autocommit`
		// Both functions are of the same moment, and know neither time zone nor summer time.
		now = `(UNIX_TIMESTAMP() * 1000 + MICROSECOND(UTC_TIMESTAMP(3)) DIV 1000)`
	}
	live = strings.NewReplacer("{now}", now, "{max}", strconv.Itoa(verdictcache.MaxValueSize)).Replace(live)
	render := func(statement string) string {
		statement = strings.NewReplacer("{live}", live, "{now}", now).Replace(statement)
		for n := 1; d == PostgreSQL && strings.Contains(statement, "?"); n++ {
			statement = strings.Replace(statement, "?", "$"+strconv.Itoa(n), 1)
		}
		return statement
	}
	g := grammar{schema: string(schema), load: render(load), swap: render(update), remove: render(remove),
		delete: render(`DELETE FROM id2meta_cache WHERE id = ?`), expired: render(expired), autocommit: autocommit}
	for _, statement := range write {
		g.write = append(g.write, render(statement))
	}
	return g, nil
}
