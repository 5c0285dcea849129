package testserver

import (
	"os"
	"syscall"
	"testing"
)

// kind is a kind of server. In its command lines and in its DSN, DIR stands for the
// directory of the server, USER for the user who runs the test, and "" for an empty word.
type kind struct {
	name    string
	user    string // the user of the server if the test runs as root; "": root
	install string // makes the data; "": the server does so itself
	serve   string
	ready   string // fails until the server answers
	dump    string // writes all data to its standard output
	stop    os.Signal
	dsn     string
}

// PostgreSQL starts a PostgreSQL server. It uses the newest version in Debian's
// directories, or else the program postgres in the PATH. The args are options of the program
// postgres, such as "-c", "log_statement=all". If the test runs as root, the server runs
// as the user postgres.
func PostgreSQL(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, kind{
		name:    "PostgreSQL",
		user:    "postgres", // it refuses to run as root
		install: "initdb --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C -D DIR/data",
		serve: "postgres -D DIR/data -k DIR -c listen_addresses= -c port=5432 -c max_connections=300" +
			" -c fsync=off -c full_page_writes=off -c shared_buffers=32MB",
		ready: "pg_isready --quiet --timeout=1 -h DIR -p 5432",
		dump:  "pg_dumpall -h DIR -p 5432 -U postgres",
		stop:  os.Interrupt, // a fast shutdown; with SIGTERM, PostgreSQL waits for its clients
		dsn:   "host=DIR port=5432 user=postgres dbname=postgres sslmode=disable",
	}, args)
}

// MariaDB starts a MariaDB server with a database "test". The args are options of
// the program mariadbd, such as "--general-log".
func MariaDB(t testing.TB, args ...string) *Server {
	t.Helper()
	const data = " --no-defaults --user=USER --datadir=DIR/data --tmpdir=DIR --innodb-flush-method=nosync" +
		" --innodb-flush-log-at-trx-commit=2 --innodb-log-file-size=16M"
	return start(t, kind{
		name:    "MariaDB",
		install: "mariadb-install-db" + data + " --auth-root-authentication-method=normal",
		serve: "mariadbd" + data + " --socket=DIR/socket --pid-file=DIR/pid --skip-networking" +
			" --innodb-buffer-pool-size=32M --performance-schema=OFF --max-connections=300",
		ready: "mariadb-admin --no-defaults --socket=DIR/socket --user=root --connect-timeout=1 ping",
		dump:  "mariadb-dump --no-defaults --socket=DIR/socket --user=root --all-databases",
		stop:  syscall.SIGTERM,
		dsn:   "root@unix(DIR/socket)/test",
	}, args)
}

// Redis starts a Redis server that writes each change to its append-only file. The args
// are options of the program redis-server. They replace the options of this function:
// "--port", "7000" makes the server also listen on 127.0.0.1.
func Redis(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, kind{
		name: "Redis",
		serve: `redis-server --dir DIR --unixsocket DIR/socket --port 0 --bind 127.0.0.1 --appendonly yes --appendfsync no --save ""` +
			" --repl-diskless-sync-delay 0", // otherwise a dump takes five seconds
		ready: "redis-cli -e -s DIR/socket ping", // a Redis that still loads its data answers with an error
		dump:  "redis-cli -s DIR/socket --rdb -",
		stop:  syscall.SIGTERM,
		dsn:   "unix://DIR/socket",
	}, args)
}
