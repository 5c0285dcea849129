package main

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMigration(t *testing.T) {
	onEachAddress(t, func(t *testing.T, newAddress func(testing.TB) string) {
		t.Run("of replicas that start together one makes the schema and the others wait", func(t *testing.T) {
			address := newAddress(t)
			errs := make(chan error, 6)
			var group sync.WaitGroup
			for range cap(errs) {
				group.Go(func() {
					s, err := openStore(t.Context(), address, "", make([]byte, 32))
					if err == nil {
						err = s.close()
					}
					errs <- err
				})
			}
			group.Wait()
			for range cap(errs) {
				require.NoError(t, <-errs)
			}
			s, err := openStore(t.Context(), address, "", make([]byte, 32))
			require.NoError(t, err)
			defer s.close()
			var applied int
			require.NoError(t, s.db.QueryRow(`SELECT COUNT(*) FROM withdraw_schema WHERE version_id = 1`).Scan(&applied))
			require.Equal(t, 1, applied)
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
