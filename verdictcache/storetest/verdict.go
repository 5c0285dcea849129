package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

func save(t *testing.T, s stores) {
	for _, code := range []id2meta.BizCode{id2meta.BizCodeMatch, id2meta.BizCodeMismatch, id2meta.BizCodeNoRecord} {
		key, me := newKey(), newClaimer()
		verdict := id2meta.Result{BizCode: code, RequestID: "of " + code.String()}
		on(t, s.one).claim(key, me, long, true)
		on(t, s.one).save(key, me, verdict, long, true)
		on(t, s.one).load(key, remembered(verdict))
		on(t, s.other).load(key, remembered(verdict))
		on(t, s.one).save(key, me, match, long, false) // the claim is gone
		on(t, s.one).load(key, remembered(verdict))
	}
}

func saveWithout(t *testing.T, s stores) {
	me, you := newClaimer(), newClaimer()
	mismatch := id2meta.Result{BizCode: id2meta.BizCodeMismatch, RequestID: "yours"}

	none := newKey()
	on(t, s.one).save(none, me, match, long, false)
	on(t, s.one).load(none, nothing)

	yours := newKey()
	on(t, s.one).claim(yours, you, long, true)
	on(t, s.other).save(yours, me, match, long, false)
	on(t, s.one).load(yours, claimed)

	released := newKey()
	on(t, s.one).claim(released, me, long, true)
	on(t, s.one).release(released, me)
	on(t, s.one).save(released, me, match, long, false)
	on(t, s.one).load(released, nothing)

	overtaken := newKey()
	on(t, s.one).claim(overtaken, me, brief, true)
	time.Sleep(past)
	on(t, s.other).claim(overtaken, you, long, true)
	on(t, s.one).save(overtaken, me, match, long, false)
	on(t, s.one).load(overtaken, claimed)
	on(t, s.other).save(overtaken, you, mismatch, long, true)
	on(t, s.one).save(overtaken, me, match, long, false)
	on(t, s.one).load(overtaken, remembered(mismatch))
}

// saveRace: leases are over while their claimers work. Whoever saves is the only
// one, and theirs is the verdict.
func saveRace(t *testing.T, s stores) {
	for range rounds / 2 {
		key := newKey()
		var mu sync.Mutex
		var saved []id2meta.Result
		atOnce(t, crowd, func(ctx context.Context, i int) error {
			store, me := s.either(i), newClaimer()
			mine := id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: fmt.Sprint("claimer ", i)}
			for range 3 {
				granted, err := store.Claim(ctx, key, me, 2*time.Millisecond)
				if err != nil {
					return fmt.Errorf("to claim: %w", err)
				}
				time.Sleep(rand.N(4 * time.Millisecond))
				if !granted {
					continue
				}
				ok, err := store.Save(ctx, key, me, mine, long)
				if err != nil {
					return fmt.Errorf("to save: %w", err)
				}
				if ok {
					mu.Lock()
					saved = append(saved, mine)
					mu.Unlock()
				}
			}
			return nil
		})
		switch len(saved) {
		case 0: // all came too late
		case 1:
			on(t, s.one).load(key, remembered(saved[0]))
		default:
			t.Fatalf("%d claimers saved their verdicts", len(saved))
		}
	}
}

func lifetimeEnds(t *testing.T, s stores) {
	key, me := newKey(), newClaimer()
	on(t, s.one).remember(key, match, brief)
	time.Sleep(past)
	on(t, s.one).load(key, nothing)
	on(t, s.other).load(key, nothing)
	on(t, s.other).claim(key, me, long, true)
	on(t, s.one).load(key, claimed)

	// The lifetime begins with Save, however short the lease was.
	key = newKey()
	on(t, s.one).claim(key, me, long, true)
	on(t, s.one).renew(key, me, 2*brief, true)
	began := time.Now()
	saved, err := s.one.Save(t.Context(), key, me, match, long)
	if saved || time.Since(began) < brief { // or this machine is too slow
		on(t, s.one).compare("Save", saved, true, err)
		time.Sleep(brief + past)
		on(t, s.other).load(key, remembered(match))
	}
}

func longLifetimes(t *testing.T, s stores) {
	const day = 24 * time.Hour
	for _, lifetime := range []time.Duration{time.Hour, 24 * day, 25 * day, 49 * day, 50 * day, 180 * day, 100 * 365 * day} {
		key := newKey()
		on(t, s.one).remember(key, match, lifetime)
		on(t, s.other).load(key, remembered(match))
		on(t, s.other).claim(key, newClaimer(), long, false)
		key = newKey()
		on(t, s.one).claim(key, newClaimer(), lifetime, true)
		on(t, s.other).claim(key, newClaimer(), long, false)
	}
	// A fraction of a millisecond is no reason to refuse.
	on(t, s.one).remember(newKey(), match, time.Hour+time.Nanosecond)
}

func requestIDs(t *testing.T, s stores) {
	for _, id := range []string{
		"",
		" ",
		"D6163397-15C5-419C-9ACC-B7C83E0B4C10",
		strings.Repeat("0", 128),
		strings.Repeat("號", 42) + "ab", // 128 bytes
		"'; DROP TABLE id2meta_verdicts; -- \"`\\",
		`\x41 \' \\ \0 %s $1 ?1 :a @b {{}}`,
		" a b\t\r\nc ",
		"A", "a", "ａ", "é", "e\u0301", "𠮷", "😀\u200d",
		"NULL", "null", "0", "1e3", "true",
		":", "|", "v1|2", "1:2:3", "{\"a\":1}", "\x01\x7f",
	} {
		key := newKey()
		verdict := id2meta.Result{BizCode: id2meta.BizCodeNoRecord, RequestID: id}
		on(t, s.one).remember(key, verdict, long)
		on(t, s.other).load(key, remembered(verdict))
	}
}

func oddVerdict(t *testing.T, s stores) {
	for _, code := range []id2meta.BizCode{"", "0", "4", "10", "12", "1 ", " 1", "01", "match"} {
		key, me, you := newKey(), newClaimer(), newClaimer()
		odd := id2meta.Result{BizCode: code, RequestID: "odd"}
		on(t, s.one).claim(key, me, long, true)
		if saved, err := s.one.Save(t.Context(), key, me, odd, long); err != nil || !saved {
			continue // it need not take such
		}
		entry, err := s.other.Load(t.Context(), key)
		if err != nil || entry != remembered(odd) && entry != nothing {
			t.Fatalf("Load: %+v, %v; want %+v, or nothing", entry, err, odd)
		}
		on(t, s.other).claim(key, you, long, true)
		on(t, s.other).save(key, you, match, long, true)
		on(t, s.one).load(key, remembered(match))
	}
}

// keys differ in one byte: of all values, at all places, and where text would be
// the same.
func keys(t *testing.T, s stores) {
	base := newKey()
	all := map[verdictcache.Key]bool{{}: true, base: true}
	for v := range 256 {
		key := base
		key[v%len(key)] = byte(v)
		all[key] = true
	}
	for _, at := range []int{0, 7, 8, 15, 16, len(base) - 1} {
		for _, v := range []byte{0, 1, ' ', 'a', 'A', '0', '\'', '\\', '%', ':', '\n', 0x7f, 0x80, 0xff} {
			key := base
			key[at] = v
			all[key] = true
		}
	}
	verdicts := map[verdictcache.Key]id2meta.Result{}
	for key := range all {
		verdicts[key] = id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: fmt.Sprint("person ", len(verdicts))}
	}
	on(t, s.one).delete(verdictcache.Key{}) // the only one that is not random
	rememberAll(t, s.one, verdicts)
	for key, verdict := range verdicts {
		on(t, s.other).load(key, remembered(verdict))
	}
	on(t, s.one).delete(base)
	on(t, s.one).delete(verdictcache.Key{})
	delete(verdicts, base)
	delete(verdicts, verdictcache.Key{})
	for key, verdict := range verdicts {
		on(t, s.other).load(key, remembered(verdict))
	}
}

// rememberAll does so by a crowd, for a database may take its time to write.
func rememberAll(t *testing.T, store verdictcache.Store, verdicts map[verdictcache.Key]id2meta.Result) {
	t.Helper()
	todo := make(chan verdictcache.Key, len(verdicts))
	for key := range verdicts {
		todo <- key
	}
	close(todo)
	atOnce(t, crowd, func(ctx context.Context, _ int) error {
		for key := range todo {
			me := newClaimer()
			granted, err := store.Claim(ctx, key, me, long)
			if err != nil || !granted {
				return fmt.Errorf("to claim: %v, %w; want true", granted, err)
			}
			saved, err := store.Save(ctx, key, me, verdicts[key], long)
			if err != nil || !saved {
				return fmt.Errorf("to save: %v, %w; want true", saved, err)
			}
		}
		return nil
	})
}
