// Package verdictcache asks about each person once: an [id2meta.Verifier] in front of
// another that remembers the verdicts, for one process or for any number of them. Each
// answered call is billed, and the service refuses calls that are repeated.
//
//	store, err := verdictcache.NewMemory(100_000)
//	…
//	cache, err := verdictcache.New(client, store, hashKey)
//	…
//	result, err := cache.Verify(ctx, id2meta.Param{UserName: name, IdentifyNum: number})
//
// A [Store] keeps the verdicts: [NewMemory] for one process, package sqlstore for SQLite,
// PostgreSQL, MySQL and MariaDB, package redisstore for Redis. A Store never sees a person,
// and whoever can write it cannot make a verdict. Package storetest tests a Store of your
// own.
//
// The README of this package tells about keys and their rotation, about a Store in trouble,
// and in which cases a person is asked about twice.
package verdictcache
