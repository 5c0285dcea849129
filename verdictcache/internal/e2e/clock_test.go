package e2e

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// A machine whose clock is wrong, or jumps, gets no claim that another has, and
// loses none: the database's clock decides. The machine with the wrong clock is a
// bubble of package synctest, where it is the year 2000.
//
// SQLite is left out: it has no clock but that of its process, and all processes
// that share a file are on one machine.
func TestWrongClockChangesNothing(t *testing.T) {
	const lease = time.Minute
	for name, d := range databases {
		if name == "SQLite" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			dsn, _ := d.ready(t)
			right, closeRight, err := d.open(dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer closeRight()
			ctx := t.Context()
			mine, theirs := verdictcache.Claimer{1}, verdictcache.Claimer{2}

			claimedByRight, savedByRight := verdictcache.Key{1}, verdictcache.Key{2}
			claimedByWrong, savedByWrong := verdictcache.Key{3}, verdictcache.Key{4}
			verdict := id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "1"}

			claim := func(t *testing.T, s verdictcache.Store, k verdictcache.Key, c verdictcache.Claimer, want bool) {
				t.Helper()
				if got, err := s.Claim(ctx, k, c, lease); err != nil || got != want {
					t.Errorf("claim: %v, %v, want %v", got, err, want)
				}
			}
			save := func(t *testing.T, s verdictcache.Store, k verdictcache.Key, c verdictcache.Claimer) {
				t.Helper()
				claim(t, s, k, c, true)
				if got, err := s.Save(ctx, k, c, verdict, lease); err != nil || !got {
					t.Errorf("save: %v, %v", got, err)
				}
			}
			load := func(t *testing.T, s verdictcache.Store, k verdictcache.Key, want verdictcache.Entry) {
				t.Helper()
				if got, err := s.Load(ctx, k); err != nil || got != want {
					t.Errorf("load: %v, %v, want %v", got, err, want)
				}
			}

			claim(t, right, claimedByRight, mine, true)
			save(t, right, savedByRight, mine)
			synctest.Test(t, func(t *testing.T) {
				if year := time.Now().Year(); year != 2000 {
					t.Fatalf("it is %d", year)
				}
				wrong, closeWrong, err := d.open(dsn)
				if err != nil {
					t.Fatal(err)
				}
				defer closeWrong()
				load(t, wrong, claimedByRight, verdictcache.Entry{Claimed: true})
				claim(t, wrong, claimedByRight, theirs, false)
				load(t, wrong, savedByRight, verdictcache.Entry{Verdict: verdict})
				claim(t, wrong, savedByRight, theirs, false)
				claim(t, wrong, claimedByWrong, theirs, true)
				save(t, wrong, savedByWrong, theirs)
			})
			load(t, right, claimedByWrong, verdictcache.Entry{Claimed: true})
			claim(t, right, claimedByWrong, mine, false)
			load(t, right, savedByWrong, verdictcache.Entry{Verdict: verdict})
			claim(t, right, savedByWrong, mine, false)
		})
	}
}
