package e2e

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// A database that is set up in an unusual way either remembers, or CreateTable and Check
// say at the start that it does not.

// anotherShape is a table of that name with another column.
func anotherShape(dsn string) setup {
	return setup{name: "a table of another shape", dsn: dsn, problem: "expires_at",
		begin: "ALTER TABLE id2meta_cache RENAME COLUMN expires_at TO until",
		end:   "ALTER TABLE id2meta_cache RENAME COLUMN until TO expires_at"}
}

// setup is a way to set up a database.
type setup struct {
	name     string
	begin    string // statements of the administrator
	end      string // statements that undo this
	dsn      string
	maxConns int    // of the pool; 0: any number
	problem  string // what CreateTable and Check say; empty: the database remembers
}

func TestMariaDBSetUpInAnyWay(t *testing.T) {
	server := testserver.MariaDB(t, "--log-bin")
	root := openSQL(t, "mysql", server.DSN())
	newTable(t, root, sqlstore.MySQL)
	// By default, everybody may do everything in the database test. The app is no administrator,
	// who writes to a server that is read-only, and for whom init_connect is not.
	for _, statement := range []string{
		"DELETE FROM mysql.db", "FLUSH PRIVILEGES",
		"CREATE USER app@localhost", "GRANT ALL ON test.* TO app@localhost",
		"CREATE USER migrated@localhost", "GRANT SELECT, INSERT, UPDATE, DELETE ON test.* TO migrated@localhost",
		"CREATE USER reader@localhost", "GRANT SELECT ON test.* TO reader@localhost",
		"CREATE USER adder@localhost", "GRANT SELECT, INSERT, UPDATE ON test.* TO adder@localhost",
	} {
		mustExec(t, root, statement)
	}
	as := func(user, params string) string {
		return strings.Replace(server.DSN(), "root@", user+"@", 1) + params
	}
	for _, s := range []setup{
		{name: "a user who may not create the table", dsn: as("migrated", "")},
		{name: "autocommit is off on the server, and on in the address", dsn: as("app", "?autocommit=1"),
			begin: "SET GLOBAL autocommit = 0", end: "SET GLOBAL autocommit = 1"},
		{name: "without prepared statements, and the driver needs none", dsn: as("app", "?interpolateParams=true"),
			begin: "SET GLOBAL max_prepared_stmt_count = 0", end: "SET GLOBAL max_prepared_stmt_count = 10000"},

		{name: "without prepared statements, and the driver needs them", dsn: as("app", ""), problem: "Error 1461",
			begin: "SET GLOBAL max_prepared_stmt_count = 0", end: "SET GLOBAL max_prepared_stmt_count = 10000"},
		{name: "autocommit is off in the address", dsn: as("app", "?autocommit=0"), problem: "autocommit is off"},
		{name: "autocommit is off on the server", dsn: as("app", ""), problem: "autocommit is off", maxConns: 1,
			begin: "SET GLOBAL autocommit = 0", end: "SET GLOBAL autocommit = 1"},
		{name: "autocommit is off by init_connect", dsn: as("app", ""), problem: "autocommit is off",
			begin: "SET GLOBAL init_connect = 'SET autocommit = 0'", end: "SET GLOBAL init_connect = ''"},
		{name: "the log holds statements, at READ COMMITTED", dsn: as("app", "?tx_isolation='READ-COMMITTED'"), problem: "Error 1665",
			begin: "SET GLOBAL binlog_format = 'STATEMENT'", end: "SET GLOBAL binlog_format = 'MIXED'"},
		{name: "read-only", dsn: as("app", ""), problem: "read-only",
			begin: "SET GLOBAL read_only = 1", end: "SET GLOBAL read_only = 0"},
		anotherShape(as("app", "")),
		{name: "a user who may only read", dsn: as("reader", ""), problem: "INSERT command denied"},
		{name: "a user who may not delete", dsn: as("adder", ""), problem: "DELETE command denied"},
	} {
		s.test(t, root, databases["MariaDB"])
	}
}

func TestPostgreSQLSetUpInAnyWay(t *testing.T) {
	server := testserver.PostgreSQL(t)
	root := openSQL(t, "pgx", server.DSN())
	newTable(t, root, sqlstore.PostgreSQL)
	for _, statement := range []string{
		"CREATE ROLE migrated LOGIN", "GRANT SELECT, INSERT, UPDATE, DELETE ON id2meta_cache TO migrated",
		"CREATE ROLE reader LOGIN", "GRANT SELECT ON id2meta_cache TO reader",
		"CREATE ROLE adder LOGIN", "GRANT SELECT, INSERT, UPDATE ON id2meta_cache TO adder",
	} {
		mustExec(t, root, statement)
	}
	as := func(user string) string { return strings.Replace(server.DSN(), "user=postgres", "user="+user, 1) }
	for _, s := range []setup{
		{name: "a user who may not create the table", dsn: as("migrated")},
		{name: "one connection", dsn: as("migrated"), maxConns: 1},
		{name: "read-only", dsn: as("postgres") + " default_transaction_read_only=on", problem: "read-only transaction"},
		anotherShape(as("postgres")),
		{name: "a user who may only read", dsn: as("reader"), problem: "permission denied"},
		{name: "a user who may not delete", dsn: as("adder"), problem: "permission denied"},
	} {
		s.test(t, root, databases["PostgreSQL"])
	}
}

func TestSQLiteSetUpInAnyWay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "verdicts.db")
	root := openSQL(t, "sqlite", file)
	newTable(t, root, sqlstore.SQLite)
	for _, s := range []setup{
		{name: "one connection", dsn: file, maxConns: 1},
		{name: "read-only", dsn: "file:" + file + "?mode=ro", problem: "readonly"},
		anotherShape(file),
		{name: "in memory, where each connection has a database of its own", dsn: ":memory:", problem: "no such table"},
	} {
		s.test(t, root, databases["SQLite"])
	}
}

// openSQL opens a pool, which the end of the test closes.
func openSQL(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// test starts two processes, that is two Caches with connections of their own, and asks
// each about the same person.
func (s setup) test(t *testing.T, root *sql.DB, d database) {
	t.Run(s.name, func(t *testing.T) {
		if s.begin != "" {
			mustExec(t, root, s.begin)
			t.Cleanup(func() { root.ExecContext(context.Background(), s.end) })
		}
		mustExec(t, root, "DELETE FROM id2meta_cache")
		service := new(counting)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for process := range 2 {
			db := openSQL(t, d.driver, s.dsn)
			db.SetMaxOpenConns(s.maxConns)
			store := newSQLStore(t, db, d.dialect)
			create, check := store.CreateTable(ctx), store.Check(ctx)
			if s.problem != "" {
				require.ErrorContains(t, create, s.problem)
				require.ErrorContains(t, check, s.problem)
				return
			}
			require.NoError(t, create)
			require.NoError(t, check)
			cache := newCache(t, service, store)
			for range 2 {
				_, err := cache.Verify(ctx, newPerson(0).param)
				require.NoError(t, err)
			}
			require.Zero(t, cache.Stats().StoreFailures)
			require.EqualValues(t, process+1, cache.Stats().Remembered)
		}
		require.EqualValues(t, 1, service.asked.Load())
	})
}
