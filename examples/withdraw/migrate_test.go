package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3/database"
	"github.com/stretchr/testify/require"
)

func TestMigration(t *testing.T) {
	onEachAddress(t, func(t *testing.T, newAddress func(testing.TB) string) {
		t.Run("of eight replicas that start together one makes the schema and the others wait", func(t *testing.T) {
			rounds := 50
			if testing.Short() {
				rounds = 3
			}
			for range rounds {
				address := newAddress(t)
				startTogether(t, address, 8)
				s, err := openStore(t.Context(), address, "", make([]byte, 32))
				require.NoError(t, err)
				var versions, applied int
				require.NoError(t, s.db.QueryRow(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN version_id = 1 THEN 1 ELSE 0 END), 0) FROM withdraw_schema`).Scan(&versions, &applied))
				require.NoError(t, s.close())
				require.Equal(t, 1, applied)
				require.Equal(t, 2, versions, "version 0 and version 1")
			}
		})
		t.Run("a version table that a killed replica has left empty is filled", func(t *testing.T) {
			address := newAddress(t)
			db, dialect, _, err := openDatabase(t.Context(), address, "")
			require.NoError(t, err)
			defer db.Close()
			versions, err := database.NewStore(dialect.goose, versionTable)
			require.NoError(t, err)
			require.NoError(t, versions.CreateVersionTable(t.Context(), db))
			s, err := openStore(t.Context(), address, "", make([]byte, 32))
			require.NoError(t, err)
			require.NoError(t, s.ping(t.Context()))
			require.NoError(t, s.close())
		})
		t.Run("work that fails frees the lock", func(t *testing.T) {
			db, dialect, _, err := openDatabase(t.Context(), newAddress(t), "")
			require.NoError(t, err)
			defer db.Close()
			failure := errors.New("failure")
			for range 2 {
				err := alone(t.Context(), db, dialect.lock, func(context.Context) error { return failure })
				require.ErrorIs(t, err, failure)
			}
		})
		t.Run("a schema that is newer than the program is refused", func(t *testing.T) {
			address := newAddress(t)
			s, err := openStore(t.Context(), address, "", make([]byte, 32))
			require.NoError(t, err)
			defer s.close()
			_, err = s.db.Exec(s.dialect.sql(`INSERT INTO withdraw_schema (version_id, is_applied) VALUES (?, ?)`), 99, true)
			require.NoError(t, err)
			_, err = openStore(t.Context(), address, "", make([]byte, 32))
			require.ErrorContains(t, err, "version 99")
			require.ErrorContains(t, err, "newer withdraw")
		})
	})
}

// startTogether opens the database as often as there are replicas, at the same time.
func startTogether(t *testing.T, address string, replicas int) {
	t.Helper()
	if !strings.Contains(address, "://") {
		// This process opens the SQLite file several times, which no replica does: that
		// works if none of them makes the file.
		require.NoError(t, os.WriteFile(address, nil, 0o600))
	}
	errs := make(chan error, replicas)
	var group sync.WaitGroup
	for range replicas {
		group.Go(func() {
			s, err := openStore(t.Context(), address, "", make([]byte, 32))
			if err == nil {
				err = s.close()
			}
			errs <- err
		})
	}
	group.Wait()
	for range replicas {
		require.NoError(t, <-errs)
	}
}

func TestMigrationWaits(t *testing.T) {
	onEachServer(t, func(t *testing.T, server databaseServer) {
		lock, free := `SELECT pg_advisory_lock(4097083626)`, `SELECT pg_advisory_unlock_all()`
		if server.driver == "mysql" {
			lock, free = `DO GET_LOCK('withdraw_schema', 0)`, `DO RELEASE_ALL_LOCKS()`
		}
		address := server.newDatabase(t)
		db, _, _, err := openDatabase(t.Context(), address, "")
		require.NoError(t, err)
		defer db.Close()
		another, err := db.Conn(t.Context())
		require.NoError(t, err)
		defer another.Close()
		_, err = another.ExecContext(t.Context(), lock)
		require.NoError(t, err)

		opened := make(chan error, 1)
		go func() {
			s, err := openStore(t.Context(), address, "", make([]byte, 32))
			if err == nil {
				err = s.close()
			}
			opened <- err
		}()
		select {
		case err := <-opened:
			t.Fatalf("it did not wait for the replica that migrates: %v", err)
		case <-time.After(500 * time.Millisecond):
		}
		_, err = another.ExecContext(t.Context(), free)
		require.NoError(t, err)
		require.NoError(t, <-opened)
	})
}
