package main

import (
	"crypto/rand"
	"database/sql"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testserver"
)

// serviceMaker opens a service on a database that is new and empty.
type serviceMaker func(t *testing.T, v id2meta.Verifier) *service

// onEachDatabase runs a test on SQLite and on real servers, where they are installed.
func onEachDatabase(t *testing.T, test func(t *testing.T, newService serviceMaker)) {
	on := func(newAddress func(testing.TB) string) func(*testing.T) {
		return func(t *testing.T) {
			test(t, func(t *testing.T, v id2meta.Verifier) *service {
				t.Helper()
				return openService(t, v, newAddress(t))
			})
		}
	}
	t.Run("SQLite", on(newSQLite))
	onEachServer(t, func(t *testing.T, server databaseServer) { on(server.newDatabase)(t) })
}

// databaseServers are those that are tested, where they are installed.
var databaseServers = map[string]func(testing.TB) databaseServer{"PostgreSQL": startPostgreSQL, "MariaDB": startMariaDB}

func onEachServer(t *testing.T, test func(t *testing.T, server databaseServer)) {
	for name, start := range databaseServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// databaseServer is a real one.
type databaseServer struct {
	*testserver.Server
	driver  string
	address string // of -db, without a database
	options string
}

func startPostgreSQL(t testing.TB) databaseServer {
	t.Helper()
	s := testserver.PostgreSQL(t)
	return databaseServer{s, "pgx", "postgres://postgres@/", "?host=" + url.QueryEscape(s.Dir()) + "&port=5432"}
}

func startMariaDB(t testing.TB) databaseServer {
	t.Helper()
	_, port, _ := net.SplitHostPort(freeAddress(t))
	s := testserver.MariaDB(t, "--skip-networking=0", "--bind-address=127.0.0.1", "--port="+port)
	return databaseServer{s, "mysql", "mysql://root@tcp(127.0.0.1:" + port + ")/", ""}
}

// newDatabase returns an address of -db.
func (s databaseServer) newDatabase(t testing.TB) string {
	t.Helper()
	name := "db_" + strings.ToLower(rand.Text())
	s.exec(t, "CREATE DATABASE "+name)
	return s.address + name + s.options
}

// exec runs a statement as the server's own user.
func (s databaseServer) exec(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open(s.driver, s.DSN())
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(statement)
	require.NoError(t, err)
}

// freeAddress returns an address of this machine that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
