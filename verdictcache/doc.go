// Package verdictcache asks about each person once: an [id2meta.Verifier] in front of
// another that remembers the verdicts, for one process or for any number of them.
// Each answered call is billed, and the service refuses those that are repeated.
//
//	cache, err := verdictcache.New(client, verdictcache.NewMemory(100_000), hashKey)
//	…
//	result, err := cache.Verify(ctx, id2meta.Param{UserName: name, IdentifyNum: number})
//
// # The key
//
// A person is known by an HMAC-SHA-256 of name and number under a secret hashKey, as
// they are after [id2meta.Param.Normalize]: who types differently is the same
// person. The [Store] sees that key, the verdict, the request ID and times, and never
// a person. Plain and masked Params of one person are two keys.
//
// Whoever has both the Store and the hashKey can try persons: names and numbers are
// few enough. Keep them apart, the hashKey where the access key is. What the Store
// holds stays personal data in the sense of the law, for it can be tied to people by
// whoever has the key.
//
// To change the hashKey, start all processes with the new one: each person is asked
// about once more, and billed. The old verdicts are found by nobody any more; delete
// them, or leave them to their end. While old and new processes run at the same time
// they ask separately.
//
// # One question
//
// Callers in one process who want to know the same share one question and its
// outcome, also if that is an error. It ends when the last of them has left. Processes
// share through the Store: one claims the person for a lease ([WithLease], 15 s) and
// renews it while it asks. The others look again after 20 ms, and then more seldom,
// up to every 500 ms. After a crash another claims when the lease is over.
//
// A person is billed twice only if a process was killed while it asked, or stood
// still for longer than a lease; if the Store was in trouble, or lost what it held;
// and where [id2meta.ErrMaybeBilled] says that nobody knows.
//
// # Lifetimes
//
// A match is remembered for 180 days ([WithMatchLifetime]), a mismatch and a missing
// record for 24 h ([WithRefusalLifetime]). Errors are never remembered.
// [Cache.Forget] makes the next Verify ask.
//
// # Trouble
//
// A Store that fails, hangs or panics is no reason that nobody is verified: by
// default the service is asked as if there were no Cache. That is logged
// ([WithLogger]), counted ([Stats]), and may be billed again later. With
// [WithRefuseWithoutStore] it is an error, before anything is asked. A Store that
// hangs costs a caller a part of its time, never all of it: see [Cache.Verify].
//
// A verdict in the Store that is none of the three counts as none.
//
// # Stores
//
// [NewMemory] is for one process and for tests. [NewSQL] is one table in SQLite,
// PostgreSQL, MySQL or MariaDB. Redis is a module of its own,
// github.com/id2meta/id2meta/verdictcache/redisstore. For another, implement [Store],
// and test it with package [github.com/id2meta/id2meta/verdictcache/storetest].
package verdictcache
