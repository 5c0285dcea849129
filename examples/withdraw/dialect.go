package main

import (
	"embed"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// dialect is what one kind of database differs in from another.
type dialect struct {
	schema   string // the file
	verdicts sqlstore.Dialect
}

var (
	//go:embed schema
	schemas embed.FS

	sqliteDialect   = dialect{"schema/sqlite.sql", sqlstore.SQLite}
	postgresDialect = dialect{"schema/postgres.sql", sqlstore.PostgreSQL}
	mysqlDialect    = dialect{"schema/mysql.sql", sqlstore.MySQL}
)

// sql puts a statement of SQLite into the dialect's words.
func (d dialect) sql(statement string) string {
	switch d.verdicts {
	case sqlstore.PostgreSQL: // $1, $2
		parts := strings.Split(statement, "?")
		for i := range parts[1:] {
			parts[i] += fmt.Sprintf("$%d", i+1)
		}
		return strings.Join(parts, "")
	case sqlstore.MySQL:
		if insert, ok := strings.CutSuffix(statement, " ON CONFLICT DO NOTHING"); ok {
			return strings.Replace(insert, "INSERT INTO", "INSERT IGNORE INTO", 1)
		}
	}
	return statement
}

// isDuplicate reports whether err is the violation of a UNIQUE constraint.
func isDuplicate(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() == 2067
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23505"
	}
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && e.Number == 1062
}
