package main

import (
	"sync"
	"testing"

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
