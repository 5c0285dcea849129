package verdictcache

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// Dialect is the SQL that a database speaks. Any driver of database/sql does; those
// of the tests are github.com/jackc/pgx/v5, github.com/go-sql-driver/mysql and
// modernc.org/sqlite.
//
// Rows that are over are deleted by
//
//	-- SQLite
//	DELETE FROM id2meta_verdicts WHERE expires_at < (julianday('now') - 2440587.5) * 86400000;
//	-- PostgreSQL
//	DELETE FROM id2meta_verdicts WHERE expires_at < extract(epoch FROM clock_timestamp()) * 1000;
//	-- MySQL, MariaDB
//	DELETE FROM id2meta_verdicts WHERE expires_at < UNIX_TIMESTAMP() * 1000;
//
// It has no index to do so by, which would make every claim dearer: run it at a
// quiet hour, with MySQL in portions (LIMIT 10000).
type Dialect int

const (
	// SQLite is SQLite 3.24 or newer. Processes that share a file run on one
	// machine, and its clock counts. Open the file in WAL mode and with a busy
	// timeout, with modernc.org/sqlite by
	//
	//	file:verdicts.db?_pragma=journal_mode(wal)&_pragma=busy_timeout(1000)&_pragma=synchronous(normal)
	//
	// The table is
	//
	//	CREATE TABLE id2meta_verdicts (
	//		id         BLOB    NOT NULL PRIMARY KEY,
	//		claimer    BLOB,
	//		biz_code   TEXT,
	//		request_id TEXT,
	//		expires_at INTEGER NOT NULL
	//	) WITHOUT ROWID
	SQLite Dialect = iota + 1

	// PostgreSQL is PostgreSQL 9.6 or newer. Behind PgBouncer's transaction pooling
	// use pgx with default_query_exec_mode=simple_protocol, or exec. The table is
	// looked for, and made, along the search_path:
	//
	//	CREATE TABLE id2meta_verdicts (
	//		id         BYTEA  NOT NULL PRIMARY KEY,
	//		claimer    BYTEA,
	//		biz_code   TEXT,
	//		request_id TEXT,
	//		expires_at BIGINT NOT NULL
	//	)
	PostgreSQL

	// MySQL is MySQL 5.7 or newer and MariaDB 10.2 or newer. The time zones of the
	// server and of the connections do not matter, nor does clientFoundRows. The
	// table is that of the connection's database:
	//
	//	CREATE TABLE id2meta_verdicts (
	//		id         BINARY(32) NOT NULL PRIMARY KEY,
	//		claimer    BINARY(16),
	//		biz_code   VARBINARY(8),
	//		request_id VARBINARY(128),
	//		expires_at BIGINT NOT NULL
	//	) ENGINE = InnoDB
	MySQL
)

// String returns the name of the constant.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	}
	return "Dialect(" + strconv.Itoa(int(d)) + ")"
}

// table is the only one. A row is a claim if it has a claimer, and else a verdict;
// it is over at expires_at, in milliseconds since 1970. The names and types of the
// columns are the version of the table: whoever gives one of them another meaning
// gives it another name.
const table = "id2meta_verdicts"

// grammar is what a Dialect says. In all statements $1 is the key, $2 the claimer
// and $3 a duration.
type grammar struct {
	columns string   // a query for the columns as "name type"
	shape   []string // what it should find, sorted
	create  string

	load, renew, save, release, delete string
	claim                              []string // until one changes a row

	literals bool // the arguments are written into the statement

	placeholder string // of a prepared load; or empty, where the driver prepares by itself
	prepared    string // load, with it
}

// bind returns what to give to the driver.
func (g *grammar) bind(statement string, args ...any) (string, []any) {
	if g.literals {
		return literals(statement, args...), nil
	}
	return statement, args
}

func (d Dialect) grammar() *grammar {
	switch d {
	case SQLite:
		return &sqlite
	case PostgreSQL:
		return &postgres
	case MySQL:
		return &mysql
	}
	return nil
}

// What keeps a row that is there from being claimed is the reverse of this: it is
// over, or a claim of the same claimer, or a verdict that is none.
const claimable = `(id2meta_verdicts.expires_at <= {now} OR id2meta_verdicts.claimer = $2 OR ` +
	`id2meta_verdicts.claimer IS NULL AND (id2meta_verdicts.biz_code IS NULL OR id2meta_verdicts.biz_code NOT IN ('1', '2', '3')))`

// SQLite and PostgreSQL claim in one statement. MySQL's way to say the same counts
// the rows it changed as the connection's flags will have it, so there it takes a
// second statement to take over a row that was there.
const (
	upsertClaim = `INSERT INTO id2meta_verdicts (id, claimer, expires_at) VALUES ($1, $2, {now} + $3)
ON CONFLICT (id) DO UPDATE SET claimer = $2, biz_code = NULL, request_id = NULL, expires_at = {now} + $3
WHERE ` + claimable
	insertClaim = `INSERT IGNORE INTO id2meta_verdicts (id, claimer, expires_at) VALUES ($1, $2, {now} + $3)`
	updateClaim = `UPDATE id2meta_verdicts SET claimer = $2, biz_code = NULL, request_id = NULL, expires_at = ` + later +
		` WHERE id = $1 AND ` + claimable
)

// later is when a lease ends that begins now. It is never what stands there
// already: MySQL does not count a row that stays as it is.
const later = `{now} + $3 + CASE WHEN expires_at = {now} + $3 THEN 1 ELSE 0 END`

// newGrammar fills in the statements that differ only in how they tell the time and
// mark their arguments.
func newGrammar(now, mark string, g grammar) grammar {
	say := strings.NewReplacer("{now}", now, "$", mark).Replace
	for i := range g.claim {
		g.claim[i] = say(g.claim[i])
	}
	g.load = say(`SELECT claimer IS NOT NULL, biz_code, request_id FROM id2meta_verdicts WHERE id = $1 AND expires_at > {now}`)
	if g.placeholder != "" {
		g.prepared = strings.ReplaceAll(g.load, mark+"1", g.placeholder)
	}
	g.renew = say(`UPDATE id2meta_verdicts SET expires_at = ` + later + ` WHERE id = $1 AND claimer = $2`)
	g.save = say(`UPDATE id2meta_verdicts SET claimer = NULL, biz_code = $4, request_id = $5, expires_at = {now} + $3 WHERE id = $1 AND claimer = $2`)
	g.release = say(`DELETE FROM id2meta_verdicts WHERE id = $1 AND claimer = $2`)
	g.delete = say(`DELETE FROM id2meta_verdicts WHERE id = $1`)
	return g
}

var sqlite = newGrammar(
	// unixepoch('subsec') is newer than many systems.
	`CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`, "?",
	grammar{
		columns: `SELECT name || ' ' || type || CASE pk WHEN 0 THEN '' ELSE ' primary key' END FROM pragma_table_info('id2meta_verdicts')`,
		shape:   []string{"biz_code text", "claimer blob", "expires_at integer", "id blob primary key", "request_id text"},
		create: `CREATE TABLE IF NOT EXISTS id2meta_verdicts (
id BLOB NOT NULL PRIMARY KEY, claimer BLOB, biz_code TEXT, request_id TEXT, expires_at INTEGER NOT NULL) WITHOUT ROWID`,
		claim:       []string{upsertClaim},
		placeholder: "?1",
	})

var postgres = newGrammar(
	// Not now(), which is when the transaction began: it may have waited for a lock.
	`CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)`, "$",
	grammar{
		columns: `SELECT attname || ' ' || format_type(atttypid, atttypmod) ||
CASE WHEN EXISTS (SELECT 1 FROM pg_index WHERE indrelid = attrelid AND indisprimary AND indnatts = 1 AND indkey[0] = attnum) THEN ' primary key' ELSE '' END
FROM pg_attribute WHERE attrelid = to_regclass('id2meta_verdicts') AND attnum > 0 AND NOT attisdropped`,
		shape: []string{"biz_code text", "claimer bytea", "expires_at bigint", "id bytea primary key", "request_id text"},
		create: `CREATE TABLE IF NOT EXISTS id2meta_verdicts (
id BYTEA NOT NULL PRIMARY KEY, claimer BYTEA, biz_code TEXT, request_id TEXT, expires_at BIGINT NOT NULL)`,
		claim: []string{upsertClaim},
	})

var mysql = newGrammar(
	// Both know no time zone and no summer time, and are of the same moment.
	`(UNIX_TIMESTAMP() * 1000 + MICROSECOND(UTC_TIMESTAMP(3)) DIV 1000)`, "$",
	grammar{
		columns: `SELECT CONCAT(column_name, ' ', data_type, CASE WHEN data_type LIKE '%binary' THEN CONCAT('(', character_maximum_length, ')') ELSE '' END,
CASE column_key WHEN 'PRI' THEN ' primary key' ELSE '' END)
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'id2meta_verdicts'`,
		shape: []string{"biz_code varbinary(8)", "claimer binary(16)", "expires_at bigint", "id binary(32) primary key", "request_id varbinary(128)"},
		create: `CREATE TABLE IF NOT EXISTS id2meta_verdicts (
id BINARY(32) NOT NULL PRIMARY KEY, claimer BINARY(16), biz_code VARBINARY(8), request_id VARBINARY(128), expires_at BIGINT NOT NULL) ENGINE = InnoDB`,
		claim:       []string{insertClaim, updateClaim},
		literals:    true,
		placeholder: "?",
	})

// literals writes the arguments into the statement, as hex: with arguments the
// driver would prepare the statement first, which is one more round trip each time,
// and there is nothing in hex to be escaped.
func literals(statement string, args ...any) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(statement, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		switch arg := args[after[0]-'1'].(type) {
		case int64:
			b.WriteString(strconv.FormatInt(arg, 10))
		case string:
			b.WriteString("x'" + hex.EncodeToString([]byte(arg)) + "'")
		case []byte:
			b.WriteString("x'" + hex.EncodeToString(arg) + "'")
		}
		statement = after[1:]
	}
}
