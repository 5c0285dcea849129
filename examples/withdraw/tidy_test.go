package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTidy(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, newService serviceMaker) {
		s := newService(t, answers("2", nil))
		s.mustPost(t, 422, withdrawalOf{user: "alice"})
		s.later(t, questionWindow)
		s.mustPost(t, 422, withdrawalOf{user: "bob", name: "李四"})
		rows := func(table string) (n int) {
			require.NoError(t, s.store.db.QueryRow(`SELECT COUNT(*) FROM `+table).Scan(&n))
			return n
		}
		require.Equal(t, 2, rows("id2meta_cache"))
		require.Equal(t, 2, rows("attempts"))

		require.NoError(t, s.store.tidy(t.Context()))
		require.Equal(t, 1, rows("id2meta_cache"), "the verdict of a day ago has expired")
		require.Equal(t, 1, rows("attempts"))
		require.Equal(t, 2, rows("questions"), "the record of what may be on the bill stays")
	})
}
