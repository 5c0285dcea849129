package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const wrongPassword = "hunter2-%C3%BC"

// The program says in one line why it cannot start, and not with which password.
func TestDatabaseThatCannotBeHad(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() }) // when the parallel ones are done
	const nobody = "127.0.0.1:1"
	for name, test := range map[string]struct{ address, says string }{
		"an unknown scheme":                       {"oracle://u:" + wrongPassword + "@" + nobody + "/x", "postgres://"},
		"a PostgreSQL that is not there":          {"postgres://u:" + wrongPassword + "@" + nobody + "/x", nobody},
		"a PostgreSQL that does not answer":       {"postgres://u:" + wrongPassword + "@" + silent.Addr().String() + "/x", silent.Addr().String()},
		"a MySQL that is not there":               {"mysql://u:" + wrongPassword + "@tcp(" + nobody + ")/x", nobody},
		"a MySQL that does not answer":            {"mysql://u:" + wrongPassword + "@tcp(" + silent.Addr().String() + ")/x", silent.Addr().String()},
		"a MySQL without a database":              {"mysql://u:" + wrongPassword + "@tcp(" + nobody + ")/", "mysql://user"},
		"a MySQL with a kind of TLS that is none": {"mysql://u:" + wrongPassword + "@tcp(" + nobody + ")/x?tls=hunter2", "mysql://user"},
		"an address of another form":              {"mysql://u:hunter2@" + nobody, "mysql://user"},
		"an address with a port that is none":     {"postgres://u:" + wrongPassword + "@127.0.0.1:hunter2/x", "postgres://user"},
		"an address with a setting that is none":  {"postgres://u:" + wrongPassword + "@127.0.0.1/x?sslmode=hunter2", "postgres://user"},
		"a file in a directory that is not there": {filepath.Join(t.TempDir(), "none", "x.db"), "x.db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exit, output := runToEnd(t, nil, "-db", test.address, "-listen", "127.0.0.1:0")
			require.Equal(t, 1, exit, output)
			require.Equal(t, 1, strings.Count(output, "\n"), output)
			require.Contains(t, output, test.says)
			require.NotContains(t, output, "hunter2")
		})
	}
}

// A database that can be read and not written is what a failover may leave behind.
func TestNotReadyWhileTheDatabaseCannotBeWritten(t *testing.T) {
	s := newService(t, answers("1", nil))
	require.Equal(t, 200, s.get("/readyz"), s.log.String())
	s.exec(t, "PRAGMA query_only = 1")
	require.Equal(t, 503, s.get("/readyz"))
	s.mustPost(t, 503, withdrawalOf{})
	s.exec(t, "PRAGMA query_only = 0")
	require.Equal(t, 200, s.get("/readyz"))
	s.mustPost(t, 201, withdrawalOf{})
}
