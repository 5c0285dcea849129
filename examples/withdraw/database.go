package main

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

const (
	dbPasswordVariable = "WITHDRAW_DB_PASSWORD"

	// connectTimeout is how long a database may take to be there.
	connectTimeout = 5 * time.Second
	// maxConnections is how many one replica has: three of them fit into the 100 of
	// a PostgreSQL as it is installed.
	maxConnections = 25
)

// openStore opens the database at an address of -db. No password is in the errors.
func openStore(ctx context.Context, address string) (s *store, err error) {
	s = &store{dialect: sqlstore.SQLite}
	switch scheme, _, ok := strings.Cut(address, "://"); {
	case !ok:
		s.db, s.name, err = openSQLite(address)
	case scheme == "postgres" || scheme == "postgresql":
		s.dialect = sqlstore.PostgreSQL
		s.db, s.name, err = openPostgres(address)
	case scheme == "mysql":
		s.dialect = sqlstore.MySQL
		s.db, s.name, err = openMySQL(address)
	default:
		err = errors.New("the address is neither postgres://…, nor mysql://…, nor a file, which has no scheme")
	}
	if err != nil {
		return nil, fmt.Errorf("-db: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err = s.db.PingContext(ctx); err == nil {
		s.verdicts, err = sqlstore.New(s.db, s.dialect)
	}
	if err != nil {
		s.db.Close()
		return nil, fmt.Errorf("database %s: %w", s.name, err)
	}
	return s, nil
}

// openSQLite opens a file, or makes one that only this user can read.
func openSQLite(path string) (*sql.DB, string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, "", err
	}
	if file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		file.Close()
	}
	address := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: url.Values{
		// In full: a payment that was answered survives a power failure.
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, "", err
	}
	// SQLite writes one at a time anyway; here nobody meets SQLITE_BUSY.
	db.SetMaxOpenConns(1)
	return db, path, nil
}

// openPostgres takes what libpq takes in an address.
func openPostgres(address string) (*sql.DB, string, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil { // which may hold what was taken for something else than the password
		return nil, "", errors.New("this is no postgres://user@host:5432/database?sslmode=verify-full")
	}
	config.Password = cmp.Or(os.Getenv(dbPasswordVariable), config.Password)
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	if config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement { // pgx's default fails behind a PgBouncer that pools transactions
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return pooled(stdlib.OpenDB(*config)), "postgres://" + net.JoinHostPort(config.Host, fmt.Sprint(config.Port)) + "/" + config.Database, nil
}

// openMySQL takes the address of the driver behind mysql://.
func openMySQL(address string) (*sql.DB, string, error) {
	malformed := errors.New("this is no mysql://user@tcp(host:3306)/database?tls=true")
	config, err := mysql.ParseDSN(strings.TrimPrefix(address, "mysql://"))
	if err != nil || config.DBName == "" {
		return nil, "", malformed
	}
	config.Passwd = cmp.Or(os.Getenv(dbPasswordVariable), config.Passwd)
	config.Timeout = connectTimeout
	config.ClientFoundRows = true   // as elsewhere: a row that stays as it is counts
	config.InterpolateParams = true // one round trip, not two
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, "", malformed
	}
	return pooled(sql.OpenDB(connector)), "mysql://" + config.Addr + "/" + config.DBName, nil
}

func pooled(db *sql.DB) *sql.DB {
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db
}

//go:embed schema.sql
var schema string

// mysqlWords are the words in which MySQL differs from SQLite. SQLite takes any type.
var mysqlWords = strings.NewReplacer(
	"BYTEA", "VARBINARY(32)",
	"\n);", "\n) ENGINE = InnoDB CHARACTER SET ascii COLLATE ascii_bin;",
	"INSERT INTO", "INSERT IGNORE INTO",
	" ON CONFLICT DO NOTHING", "",
)

// sql puts a statement into the words of the database.
func (s *store) sql(statement string) string {
	switch s.dialect {
	case sqlstore.PostgreSQL: // $1, $2
		parts := strings.Split(statement, "?")
		for i := range parts[1:] {
			parts[i] += fmt.Sprintf("$%d", i+1)
		}
		return strings.Join(parts, "")
	case sqlstore.MySQL:
		return mysqlWords.Replace(statement)
	}
	return statement
}
