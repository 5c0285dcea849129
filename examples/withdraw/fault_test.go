package main

import (
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const wrongPassword = "hunter2-%C3%BC"

// cannotStart runs the program, which is to say in one line why it cannot start.
func cannotStart(t *testing.T, address, says string) {
	t.Helper()
	cmd := command(t, nil, "-db", address, "-listen", "127.0.0.1:0")
	cmd.Dir = t.TempDir()
	started := time.Now()
	output, _ := cmd.CombinedOutput()
	require.Equal(t, 1, cmd.ProcessState.ExitCode(), "%s", output)
	require.Less(t, time.Since(started), 10*time.Second)
	require.Equal(t, 1, strings.Count(string(output), "\n"), "%s", output)
	require.Contains(t, string(output), says)
	require.NotContains(t, string(output), "hunter2")
	left, err := os.ReadDir(cmd.Dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestDatabaseThatCannotBeHad(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() }) // when the parallel ones are done
	nobody := freeAddress(t)
	for name, test := range map[string]struct{ address, says string }{
		"an unknown scheme":                       {"oracle://u:" + wrongPassword + "@" + nobody + "/x", "postgres://"},
		"a PostgreSQL that is not there":          {"postgres://u:" + wrongPassword + "@" + nobody + "/x", nobody},
		"a PostgreSQL that does not answer":       {"postgres://u:" + wrongPassword + "@" + silent.Addr().String() + "/x", silent.Addr().String()},
		"an address with a port that is none":     {"postgres://u:" + wrongPassword + "@127.0.0.1:hunter2/x", "postgres://user"},
		"an address with a setting that is none":  {"postgres://u:" + wrongPassword + "@127.0.0.1/x?sslmode=hunter2", "postgres://user"},
		"a MySQL that is not there":               {"mysql://u:" + wrongPassword + "@tcp(" + nobody + ")/x", nobody},
		"a MySQL that does not answer":            {"mysql://u:" + wrongPassword + "@tcp(" + silent.Addr().String() + ")/x", silent.Addr().String()},
		"a MySQL without a database":              {"mysql://u:" + wrongPassword + "@tcp(" + nobody + ")/", "mysql://user"},
		"a MySQL with a kind of TLS that is none": {"mysql://u:" + wrongPassword + "@tcp(" + nobody + ")/x?tls=hunter2", "mysql://user"},
		"an address of another form":              {"mysql://u:hunter2@" + nobody, "mysql://user"},
		"a file in a directory that is not there": {filepath.Join(t.TempDir(), "none", "x.db"), "x.db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cannotStart(t, test.address, test.says)
		})
	}
	t.Run("a wrong password", func(t *testing.T) {
		onEachServer(t, func(t *testing.T, server databaseServer) {
			address := server.newDatabase(t)
			if server.driver == "pgx" {
				server.exec(t, `CREATE ROLE payer LOGIN PASSWORD 'right'`)
				hba := filepath.Join(server.Dir(), "data", "pg_hba.conf")
				require.NoError(t, os.WriteFile(hba, []byte("local all postgres trust\nlocal all all scram-sha-256\n"), 0o600))
				server.exec(t, `SELECT pg_reload_conf()`)
				address = strings.Replace(address, "postgres@", "payer:"+wrongPassword+"@", 1)
				time.Sleep(200 * time.Millisecond) // it reads the file when it gets round to it
			} else {
				server.exec(t, `CREATE USER payer IDENTIFIED BY 'right'`)
				address = strings.Replace(address, "root@", "payer:"+wrongPassword+"@", 1)
			}
			cannotStart(t, address, "payer")
		})
	})
}

func TestDatabaseThatGoesAway(t *testing.T) {
	onEachServer(t, func(t *testing.T, server databaseServer) {
		verifier := newSlow()
		s := openService(t, verifier, server.newDatabase(t))
		underWay := make(chan int, 1)
		go func() { underWay <- s.post(withdrawalOf{key: "k"}).Code }()
		<-verifier.asked
		server.Stop()
		close(verifier.answer)

		t.Run("a withdrawal is refused for the time being", func(t *testing.T) {
			got := s.post(withdrawalOf{user: "bob"})
			require.Equal(t, 503, got.Code, s.log.String())
			require.Equal(t, "5", got.Header().Get("Retry-After"))
			require.Equal(t, "try_again", errorOf(t, got.Body.String()))
		})
		server.Start()
		require.Contains(t, []int{201, 503}, <-underWay, s.log.String())
		t.Run("it recovers by itself, the answer that came meanwhile counts, and nobody is asked twice", func(t *testing.T) {
			require.Eventually(t, func() bool { return s.post(withdrawalOf{key: "k"}).Code == 201 }, 30*time.Second, 50*time.Millisecond)
			require.Equal(t, 1, s.payments(t))
			require.Equal(t, 1, verifier.calls)
		})
		t.Run("it is refused again when it is killed, and recovers again", func(t *testing.T) {
			server.Kill() // the children of a PostgreSQL live a moment longer
			require.Eventually(t, func() bool { return s.post(withdrawalOf{key: "k"}).Code == 503 }, 30*time.Second, 50*time.Millisecond)
			server.Start()
			require.Eventually(t, func() bool { return s.post(withdrawalOf{key: "k2"}).Code == 201 }, 30*time.Second, 50*time.Millisecond)
			require.Equal(t, 2, s.payments(t))
		})
	})
}

// A database that can be read and not written is what a failover may leave behind.
func TestNotReadyWhileTheDatabaseCannotBeWritten(t *testing.T) {
	ready := func(s *service) int {
		got := httptest.NewRecorder()
		s.handler().ServeHTTP(got, httptest.NewRequest("GET", "/readyz", nil))
		return got.Code
	}
	test := func(t *testing.T, s *service, readOnly, writable func()) {
		require.Equal(t, 200, ready(s), s.log.String())
		readOnly()
		require.Eventually(t, func() bool { return ready(s) == 503 }, 10*time.Second, 20*time.Millisecond)
		require.Equal(t, 503, s.post(withdrawalOf{}).Code)
		writable()
		require.Eventually(t, func() bool { return ready(s) == 200 }, 10*time.Second, 20*time.Millisecond)
		s.mustPost(t, 201, withdrawalOf{})
	}
	t.Run("SQLite", func(t *testing.T) {
		s := newService(t, answers("1", nil))
		set := func(value string) func() {
			return func() {
				_, err := s.store.db.Exec("PRAGMA query_only = " + value)
				require.NoError(t, err)
			}
		}
		test(t, s, set("1"), set("0"))
	})
	onEachServer(t, func(t *testing.T, server databaseServer) {
		address := server.newDatabase(t)
		if server.driver == "pgx" {
			set := func(value string) func() {
				return func() {
					server.exec(t, "ALTER SYSTEM SET default_transaction_read_only = "+value)
					server.exec(t, "SELECT pg_reload_conf()")
				}
			}
			test(t, openService(t, answers("1", nil), address), set("on"), set("off"))
			return
		}
		server.exec(t, `CREATE USER payer@localhost IDENTIFIED BY 'secret'`) // root may write all the same
		server.exec(t, `GRANT ALL ON *.* TO payer@localhost`)
		server.exec(t, `REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM payer@localhost`)
		address = strings.Replace(address, "root@", "payer:secret@", 1)
		set := func(value string) func() { return func() { server.exec(t, "SET GLOBAL read_only = "+value) } }
		test(t, openService(t, answers("1", nil), address), set("1"), set("0"))
	})
}
