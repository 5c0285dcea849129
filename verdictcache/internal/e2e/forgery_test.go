package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// writer is whoever can write the store: with a client of the server, past the Cache.
type writer interface {
	// all returns what the store holds: values by id.
	all(t *testing.T) map[string][]byte
	// set replaces the value of an id, and lets it live for ever.
	set(t *testing.T, id string, value []byte)
}

type redisWriter struct{ *redis.Client }

func (w redisWriter) all(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	names, err := w.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if found[name], err = w.Get(t.Context(), name).Bytes(); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func (w redisWriter) set(t *testing.T, id string, value []byte) {
	t.Helper()
	if err := w.Set(t.Context(), id, value, 0).Err(); err != nil {
		t.Fatal(err)
	}
}

type sqlWriter struct {
	*sql.DB
	update string
}

func (w sqlWriter) all(t *testing.T) map[string][]byte {
	t.Helper()
	rows, err := w.QueryContext(t.Context(), "SELECT id, value FROM id2meta_cache")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string][]byte{}
	for rows.Next() {
		var id, value []byte
		if err := rows.Scan(&id, &value); err != nil {
			t.Fatal(err)
		}
		found[string(id)] = value
	}
	return found
}

func (w sqlWriter) set(t *testing.T, id string, value []byte) {
	t.Helper()
	if _, err := w.ExecContext(t.Context(), w.update, value, []byte(id)); err != nil {
		t.Fatal(err)
	}
}

func newWriter(t *testing.T, name, dsn string) writer {
	t.Helper()
	if name == "Redis" {
		opts, err := redis.ParseURL(dsn)
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(opts)
		t.Cleanup(func() { client.Close() })
		return redisWriter{client}
	}
	db, err := sql.Open(sqlDrivers[name].driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	update := "UPDATE id2meta_cache SET value = ?, expires_at = 9999999999999 WHERE id = ?"
	if name == "PostgreSQL" {
		update = "UPDATE id2meta_cache SET value = $1, expires_at = 9999999999999 WHERE id = $2"
	}
	return sqlWriter{db, update}
}

// Whoever can write the store can make a person be asked about again. They can never
// make a match, whatever they write and wherever they have it from.
func TestWhoeverWritesTheStoreMakesNoMatch(t *testing.T) {
	onEach(t, func(t *testing.T, name string, d database) {
		dsn, _ := d.ready(t)
		store, closeStore, err := d.open(dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer closeStore()
		w := newWriter(t, name, dsn)

		matching, mismatching := newPerson(0).param, newPerson(1).param
		var asked atomic.Int32
		next := id2meta.VerifierFunc(func(_ context.Context, p id2meta.Param) (id2meta.Result, error) {
			asked.Add(1)
			if p == matching {
				return id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "of the match"}, nil
			}
			return id2meta.Result{BizCode: id2meta.BizCodeMismatch, RequestID: "of the mismatch"}, nil
		})
		newCache := func(hashKey []byte, opts ...verdictcache.Option) *verdictcache.Cache {
			t.Helper()
			cache, err := verdictcache.New(next, store, hashKey, opts...)
			if err != nil {
				t.Fatal(err)
			}
			return cache
		}
		// verify wants a verdict, and returns how often the service was asked for it.
		verify := func(t *testing.T, cache *verdictcache.Cache, p id2meta.Param, want id2meta.BizCode) int32 {
			t.Helper()
			before := asked.Load()
			if got, err := cache.Verify(t.Context(), p); err != nil || got.BizCode != want {
				t.Errorf("the verdict is %v, %v, want %v", got.BizCode, err, want)
			}
			return asked.Load() - before
		}
		cache := newCache(hashKey)
		verify(t, cache, mismatching, id2meta.BizCodeMismatch)
		mine := w.all(t)
		if len(mine) != 1 {
			t.Fatalf("%d values, want 1", len(mine))
		}
		var id string
		var genuine []byte
		for id, genuine = range mine {
		}
		verify(t, cache, matching, id2meta.BizCodeMatch)
		var ofMatch []byte
		for other, value := range w.all(t) {
			if other != id {
				ofMatch = value
			}
		}
		// The same person under another hashKey, where the service says match.
		lenient, err := verdictcache.New(id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
			return id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "of an accomplice"}, nil
		}), store, []byte("another 32 bytes that are no secret"))
		if err != nil {
			t.Fatal(err)
		}
		known := w.all(t)
		if _, err := lenient.Verify(t.Context(), mismatching); err != nil {
			t.Fatal(err)
		}
		var ofAccomplice []byte
		for other, value := range w.all(t) {
			if known[other] == nil {
				ofAccomplice = value
			}
		}
		if ofMatch == nil || ofAccomplice == nil {
			t.Fatal("the values of the others are not there: nothing would be tested")
		}

		forged := map[string][]byte{
			"the sealed match of another person":           ofMatch,
			"a match sealed under another hashKey":         ofAccomplice,
			"what version 0 wrote for a match":             []byte("1v1473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E"),
			"a verdict in plain text":                      []byte("1"),
			"a verdict in JSON":                            []byte(`{"BizCode":"1","RequestID":"1"}`),
			"zeros":                                        make([]byte, len(genuine)),
			"1024 bytes":                                   make([]byte, 1024),
			"the genuine value, cut short":                 genuine[:len(genuine)-1],
			"the genuine value, and one byte more":         append(genuine[:len(genuine):len(genuine)], 0),
			"the genuine value with the match's beginning": append(append([]byte{}, ofMatch[:20]...), genuine[20:]...),
		}
		for bit := 0; bit < 8*len(genuine); bit += 13 {
			flipped := append([]byte{}, genuine...)
			flipped[bit/8] ^= 1 << (bit % 8)
			forged[fmt.Sprintf("the genuine value with bit %d flipped", bit)] = flipped
		}
		for what, value := range forged {
			t.Run(what, func(t *testing.T) {
				rejected := cache.Stats().Rejected
				w.set(t, id, value)
				if n := verify(t, cache, mismatching, id2meta.BizCodeMismatch); n != 1 {
					t.Errorf("the service was asked %d times, want once more", n)
				}
				if cache.Stats().Rejected == rejected {
					t.Error("the value is not counted as rejected")
				}
				if n := verify(t, cache, mismatching, id2meta.BizCodeMismatch); n != 0 {
					t.Errorf("the new verdict did not replace it: the service was asked %d times more", n)
				}
			})
		}
		t.Run("an old value of the same person is the same verdict, until its TTL", func(t *testing.T) {
			if err := cache.Forget(t.Context(), mismatching); err != nil {
				t.Fatal(err)
			}
			verify(t, cache, mismatching, id2meta.BizCodeMismatch)
			w.set(t, id, genuine)
			if n := verify(t, cache, mismatching, id2meta.BizCodeMismatch); n != 0 {
				t.Errorf("the service was asked %d times", n)
			}
			// The row never expires. The time in the sealed value decides.
			shorter := newCache(hashKey, verdictcache.WithNegativeTTL(time.Millisecond))
			time.Sleep(2 * time.Millisecond)
			if n := verify(t, shorter, mismatching, id2meta.BizCodeMismatch); n != 1 {
				t.Errorf("after its TTL the service was asked %d times, want once", n)
			}
		})
	})
}
