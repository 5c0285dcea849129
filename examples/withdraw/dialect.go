package main

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"

	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// dialect is what one kind of database differs in from another.
type dialect struct {
	migrations string // their directory
	goose      goose.Dialect
	lock       locker // of the schema
	// lockIsTransaction: while the lock is held, no other transaction can begin.
	lockIsTransaction bool
	verdicts          sqlstore.Dialect
	numbered          bool // $1, $2 and not ?, ?
	words             *strings.Replacer
	tx                *sql.TxOptions
	// isDuplicate reports whether err is the violation of a UNIQUE constraint.
	isDuplicate func(err error) bool
	// ofServer tells what an answer of the server means, if err is one.
	ofServer func(err error) (verdict trouble, ok bool)
}

// trouble is what an error of the database means.
type trouble int

const (
	mistake  trouble = iota // it refused the statement
	conflict                // two transactions were in each other's way: try again at once
	away                    // it cannot be used now: try again later
)

// sql puts a statement into the dialect's words: {now} is the database's clock, in
// ms; {for update} locks the row; {insert} … {or ignore} leaves a row that is there.
func (d *dialect) sql(statement string) string {
	statement = d.words.Replace(statement)
	if !d.numbered {
		return statement
	}
	var b strings.Builder
	for i, part := range strings.Split(statement, "?") {
		if i > 0 {
			fmt.Fprintf(&b, "$%d", i)
		}
		b.WriteString(part)
	}
	return b.String()
}

// trouble takes all that no server answered for a sign that none is there:
// connections fail in many ways, and the drivers have no list of them.
func (d *dialect) trouble(err error) trouble {
	if t, ok := d.ofServer(err); ok {
		return t
	}
	return away
}

// isBusy reports whether another process uses the SQLite file.
func isBusy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == 5
}

// Where there are isolation levels, each statement is to see what others have
// committed: above all after it has waited for the lock of a user.
var readCommitted = &sql.TxOptions{Isolation: sql.LevelReadCommitted}

func sqliteDialect() *dialect {
	return &dialect{
		migrations:        "migrations/sqlite",
		goose:             goose.DialectSQLite3,
		lock:              lockSQLite,
		lockIsTransaction: true,
		verdicts:          sqlstore.SQLite,
		words: strings.NewReplacer("{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
			" {for update}", "", "{insert}", "INSERT", "{or ignore}", "ON CONFLICT DO NOTHING"),
		isDuplicate: func(err error) bool {
			e, ok := errors.AsType[*sqlite.Error](err)
			return ok && e.Code() == 2067
		},
		ofServer: func(err error) (trouble, bool) {
			e, ok := errors.AsType[*sqlite.Error](err)
			if !ok {
				return 0, false
			}
			switch e.Code() & 0xff {
			case 5, 6, 9, 10, 13, 14: // busy, locked, interrupted, I/O, full, cannot open
				return away, true
			}
			return mistake, true
		},
	}
}

func postgresDialect() *dialect {
	return &dialect{
		migrations: "migrations/postgres",
		goose:      goose.DialectPostgres,
		lock:       lockPostgres,
		verdicts:   sqlstore.PostgreSQL,
		numbered:   true,
		words: strings.NewReplacer("{now}", "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)",
			"{for update}", "FOR UPDATE", "{insert}", "INSERT", "{or ignore}", "ON CONFLICT DO NOTHING"),
		tx: readCommitted,
		isDuplicate: func(err error) bool {
			e, ok := errors.AsType[*pgconn.PgError](err)
			return ok && e.Code == "23505"
		},
		ofServer: func(err error) (trouble, bool) {
			e, ok := errors.AsType[*pgconn.PgError](err)
			if !ok || len(e.Code) != 5 {
				return 0, false
			}
			switch {
			case e.Code == "25006": // read only: the standby of a failover
				return away, true
			case e.Code[:2] == "40": // serialization failure, deadlock
				return conflict, true
			case strings.Contains("08 53 57 58", e.Code[:2]): // connection, no room, shut down or cancelled, system
				return away, true
			}
			return mistake, true
		},
	}
}

func mysqlDialect() *dialect {
	return &dialect{
		migrations: "migrations/mysql",
		goose:      goose.DialectMySQL,
		lock:       lockMySQL,
		verdicts:   sqlstore.MySQL,
		words: strings.NewReplacer("{now}", "TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000",
			"{for update}", "FOR UPDATE", "{insert}", "INSERT IGNORE", "{or ignore}", ""),
		tx: readCommitted,
		isDuplicate: func(err error) bool {
			e, ok := errors.AsType[*mysql.MySQLError](err)
			return ok && e.Number == 1062
		},
		ofServer: func(err error) (trouble, bool) {
			e, ok := errors.AsType[*mysql.MySQLError](err)
			if !ok {
				return 0, false
			}
			switch e.Number {
			case 1205, 1213, 1020: // lock wait, deadlock, changed since it was read
				return conflict, true
			case 1040, 1053, 1203, 1290, 1317, 1836, 1927, 1969, 3024: // no room, shut down, read only, interrupted, killed, too long
				return away, true
			}
			return mistake, true
		},
	}
}
