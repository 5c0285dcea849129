package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/redis/redisstore"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// maxConns is what one process opens to a database at most: 300 are allowed to all.
const maxConns = 8

// database is one way to keep verdicts.
type database struct {
	// start starts an empty one. Its server is nil for SQLite.
	start func(t testing.TB, args ...string) (dsn string, server *testserver.Server)
	// open connects to it. The function it returns closes the connections.
	open func(dsn string) (verdictcache.Store, func(), error)
	// createTable is nil for Redis.
	createTable func(ctx context.Context, dsn string) error
}

// databases are those that the package documents, by name.
var databases = map[string]database{
	"SQLite":     sqlDatabase("sqlite", sqlstore.SQLite, startSQLite),
	"PostgreSQL": sqlDatabase("pgx", sqlstore.PostgreSQL, starter(testserver.PostgreSQL)),
	"MariaDB":    sqlDatabase("mysql", sqlstore.MySQL, starter(testserver.MariaDB)),
	"Redis":      {start: starter(testserver.Redis), open: openRedis},
}

// odder are other ways to open the same databases.
var odder = map[string]database{
	"SQLite in WAL mode": sqlDatabase("sqlite", sqlstore.SQLite, withDSN(startSQLite,
		"file:%s?_pragma=busy_timeout(1000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)")),
	"SQLite, truncated": sqlDatabase("sqlite", sqlstore.SQLite, withDSN(startSQLite,
		"file:%s?_txlock=immediate&_pragma=journal_mode(truncate)")),
	"SQLite with a shared cache": sqlDatabase("sqlite", sqlstore.SQLite, withDSN(startSQLite, "file:%s?cache=shared")),
	"PostgreSQL, serializable": sqlDatabase("pgx", sqlstore.PostgreSQL, withDSN(starter(testserver.PostgreSQL),
		"%s default_transaction_isolation=serializable")),
	"PostgreSQL, simple protocol": sqlDatabase("pgx", sqlstore.PostgreSQL, withDSN(starter(testserver.PostgreSQL),
		"%s default_query_exec_mode=simple_protocol")),
	"PostgreSQL, as behind PgBouncer": sqlDatabase("pgx", sqlstore.PostgreSQL, withDSN(starter(testserver.PostgreSQL),
		"%s default_query_exec_mode=exec")),
	"MariaDB, found rows": sqlDatabase("mysql", sqlstore.MySQL, withDSN(starter(testserver.MariaDB),
		"%s?clientFoundRows=true&charset=gbk&tx_isolation='SERIALIZABLE'&innodb_snapshot_isolation=1")),
	"MariaDB without autocommit": sqlDatabase("mysql", sqlstore.MySQL, withDSN(starter(testserver.MariaDB), "%s?autocommit=0")),
	"MariaDB, a log of statements": sqlDatabase("mysql", sqlstore.MySQL, withDSN(withArgs(starter(testserver.MariaDB),
		"--log-bin", "--binlog-format=STATEMENT"), "%s?tx_isolation='READ-COMMITTED'")),
	"MariaDB, interpolated": sqlDatabase("mysql", sqlstore.MySQL, withDSN(starter(testserver.MariaDB),
		"%s?interpolateParams=true&time_zone='%%2B09:00'")),
}

// withDSN changes the address of a database, which is the argument of format.
func withDSN(start func(testing.TB, ...string) (string, *testserver.Server), format string) func(testing.TB, ...string) (string, *testserver.Server) {
	return func(t testing.TB, args ...string) (string, *testserver.Server) {
		t.Helper()
		dsn, server := start(t, args...)
		return fmt.Sprintf(format, dsn), server
	}
}

func withArgs(start func(testing.TB, ...string) (string, *testserver.Server), args ...string) func(testing.TB, ...string) (string, *testserver.Server) {
	return func(t testing.TB, _ ...string) (string, *testserver.Server) {
		t.Helper()
		return start(t, args...)
	}
}

func starter(start func(testing.TB, ...string) *testserver.Server) func(testing.TB, ...string) (string, *testserver.Server) {
	return func(t testing.TB, args ...string) (string, *testserver.Server) {
		t.Helper()
		server := start(t, args...)
		return server.DSN(), server
	}
}

// startSQLite names a file that is not there yet, in a directory of its own. It is
// opened as people open it.
func startSQLite(t testing.TB, _ ...string) (string, *testserver.Server) {
	t.Helper()
	dir, err := os.MkdirTemp("", "id2meta-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "verdicts.db"), nil
}

func sqlDatabase(driver string, dialect sqlstore.Dialect,
	start func(testing.TB, ...string) (string, *testserver.Server)) database {
	open := func(dsn string) (*sqlstore.Store, func(), error) {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			return nil, nil, err
		}
		if dialect != sqlstore.SQLite {
			db.SetMaxOpenConns(maxConns)
			db.SetMaxIdleConns(maxConns)
		}
		store, err := sqlstore.New(db, dialect)
		return store, func() { db.Close() }, err
	}
	return database{
		start: start,
		open: func(dsn string) (verdictcache.Store, func(), error) {
			store, closeStore, err := open(dsn)
			return store, closeStore, err
		},
		createTable: func(ctx context.Context, dsn string) error {
			store, closeStore, err := open(dsn)
			if err != nil {
				return err
			}
			defer closeStore()
			return store.CreateTable(ctx)
		},
	}
}

func openRedis(dsn string) (verdictcache.Store, func(), error) {
	opts, err := redis.ParseURL(dsn)
	if err != nil {
		return nil, nil, errors.New("the address is none") // ParseURL's error may hold it
	}
	opts.PoolSize = maxConns
	opts.ContextTimeoutEnabled = true
	client := redis.NewClient(opts)
	store, err := redisstore.New(client, "id2meta:")
	return store, func() { client.Close() }, err
}

// ready starts a database with its table.
func (d database) ready(t testing.TB, args ...string) (dsn string, server *testserver.Server) {
	t.Helper()
	dsn, server = d.start(t, args...)
	if d.createTable != nil {
		if err := d.createTable(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
	}
	return dsn, server
}

// onEach runs a test on each database.
func onEach(t *testing.T, test func(t *testing.T, name string, d database)) {
	for name, d := range databases {
		t.Run(name, func(t *testing.T) { test(t, name, d) })
	}
}

// onEachAtOnce runs a test that waits more than it works on all databases at the
// same time.
func onEachAtOnce(t *testing.T, test func(t *testing.T, name string, d database)) {
	onEach(t, func(t *testing.T, name string, d database) {
		t.Parallel()
		test(t, name, d)
	})
}
