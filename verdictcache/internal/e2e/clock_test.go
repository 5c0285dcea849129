package e2e

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/verdictcache"
)

// A machine whose clock is wrong, or jumps, writes over no value that has not expired,
// and loses none: the database's clock decides. The machine with the wrong clock is a
// bubble of package synctest, where it is the year 2000.
//
// SQLite is left out: it has no clock but that of its process, and all processes
// that share a file are on one machine.
func TestWrongClockChangesNothing(t *testing.T) {
	const ttl = time.Minute
	for name, d := range databases {
		if name == "SQLite" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			dsn, _ := d.ready(t)
			right := d.opened(t, dsn)
			ctx := t.Context()
			written, replaced := []byte("written"), []byte("replaced")
			byRight, byWrong, byBoth := verdictcache.Key{1}, verdictcache.Key{2}, verdictcache.Key{3}

			swap := func(s verdictcache.Store, k verdictcache.Key, old, new []byte, want bool) {
				t.Helper()
				got, err := s.CompareAndSwap(ctx, k, old, new, ttl)
				assert.NoError(t, err)
				assert.Equal(t, want, got, "swap of %q for %q", old, new)
			}

			swap(right, byRight, nil, written, true)
			swap(right, byBoth, nil, written, true)
			synctest.Test(t, func(t *testing.T) {
				require.Equal(t, 2000, time.Now().Year())
				wrong := d.opened(t, dsn)
				wantValue(t, wrong, byRight, "written")
				swap(wrong, byRight, nil, replaced, false)
				swap(wrong, byBoth, written, replaced, true)
				swap(wrong, byWrong, nil, written, true)
			})
			wantValue(t, right, byBoth, "replaced")
			swap(right, byBoth, nil, written, false)
			wantValue(t, right, byWrong, "written")
			swap(right, byWrong, nil, replaced, false)
		})
	}
}
