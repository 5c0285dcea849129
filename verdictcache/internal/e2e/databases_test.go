package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/redis/redisstore"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// maxConns is what one process opens to a database at most: 300 are allowed to all.
const maxConns = 8

// database is one way to keep verdicts.
type database struct {
	driver  string // for sql.Open; empty for Redis
	dialect sqlstore.Dialect
	server  func(t testing.TB, args ...string) *testserver.Server // nil for SQLite
	dsn     string                                                // format of the address; empty: the address of the server, or the path of the file
}

// databases are those that the package documents, by name.
var databases = map[string]database{
	"SQLite":     {driver: "sqlite", dialect: sqlstore.SQLite},
	"PostgreSQL": {driver: "pgx", dialect: sqlstore.PostgreSQL, server: testserver.PostgreSQL},
	"MariaDB":    {driver: "mysql", dialect: sqlstore.MySQL, server: testserver.MariaDB},
	"Redis":      {server: testserver.Redis},
}

// odder are other ways to open the same databases.
var odder = map[string]database{
	"SQLite in WAL mode":              databases["SQLite"].as("file:%s?_pragma=busy_timeout(1000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)"),
	"SQLite, truncated":               databases["SQLite"].as("file:%s?_txlock=immediate&_pragma=journal_mode(truncate)"),
	"SQLite with a shared cache":      databases["SQLite"].as("file:%s?cache=shared"),
	"PostgreSQL, serializable":        databases["PostgreSQL"].as("%s default_transaction_isolation=serializable"),
	"PostgreSQL, simple protocol":     databases["PostgreSQL"].as("%s default_query_exec_mode=simple_protocol"),
	"PostgreSQL, as behind PgBouncer": databases["PostgreSQL"].as("%s default_query_exec_mode=exec"),
	"MariaDB, found rows":             databases["MariaDB"].as("%s?clientFoundRows=true&charset=gbk&tx_isolation='SERIALIZABLE'&innodb_snapshot_isolation=1"),
	"MariaDB, interpolated":           databases["MariaDB"].as("%s?interpolateParams=true&time_zone='%%2B09:00'"),
}

// as changes the address.
func (d database) as(dsn string) database {
	d.dsn = dsn
	return d
}

// start starts an empty database. Its server is nil for SQLite, where the file is not there
// yet.
func (d database) start(t testing.TB) (dsn string, server *testserver.Server) {
	t.Helper()
	if d.server == nil {
		dsn = filepath.Join(t.TempDir(), "verdicts.db")
	} else {
		server = d.server(t)
		dsn = server.DSN()
	}
	if d.dsn != "" {
		dsn = fmt.Sprintf(d.dsn, dsn)
	}
	return dsn, server
}

// open connects to a database. The function it returns closes the connections.
func (d database) open(dsn string) (verdictcache.Store, func(), error) {
	if d.driver == "" {
		return openRedis(dsn)
	}
	db, err := sql.Open(d.driver, dsn)
	if err != nil {
		return nil, nil, err
	}
	if d.dialect != sqlstore.SQLite {
		db.SetMaxOpenConns(maxConns)
		db.SetMaxIdleConns(maxConns)
	}
	store, err := sqlstore.New(db, d.dialect)
	return store, func() { db.Close() }, err
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
func (d database) ready(t testing.TB) (dsn string, server *testserver.Server) {
	t.Helper()
	dsn, server = d.start(t)
	if d.driver != "" {
		newTable(t, openSQL(t, d.driver, dsn), d.dialect)
	}
	return dsn, server
}

// opened connects to a database until the test ends.
func (d database) opened(t testing.TB, dsn string) verdictcache.Store {
	t.Helper()
	store, closeStore, err := d.open(dsn)
	require.NoError(t, err)
	t.Cleanup(closeStore)
	return store
}

// counting is a service that knows everybody, and counts how often it is asked.
type counting struct{ asked atomic.Int32 }

func (c *counting) Verify(context.Context, id2meta.Param) (id2meta.Result, error) {
	c.asked.Add(1)
	return id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E"}, nil
}

func newCache(t testing.TB, next id2meta.Verifier, store verdictcache.Store, opts ...verdictcache.Option) *verdictcache.Cache {
	t.Helper()
	cache, err := verdictcache.New(next, store, hashKey, opts...)
	require.NoError(t, err)
	return cache
}
