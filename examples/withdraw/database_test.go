package main

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/testserver"
)

// serviceMaker opens a service on a database that is new and empty.
type serviceMaker func(t *testing.T, v id2meta.Verifier) *service

// onEachDatabase runs a test on SQLite, and on PostgreSQL where it is installed.
func onEachDatabase(t *testing.T, test func(t *testing.T, newService serviceMaker)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newService) })
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server := testserver.PostgreSQL(t)
		test(t, func(t *testing.T, v id2meta.Verifier) *service {
			t.Helper()
			return openService(t, v, newDatabase(t, server))
		})
	})
}

// newDatabase returns the address of a database of PostgreSQL that is new and empty.
func newDatabase(t *testing.T, server *testserver.Server) string {
	t.Helper()
	name := "db_" + strings.ToLower(rand.Text())
	db, err := sql.Open("pgx", server.DSN())
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec("CREATE DATABASE " + name)
	require.NoError(t, err)
	return "postgres://postgres@/" + name + "?port=5432&host=" + url.QueryEscape(server.Dir())
}
