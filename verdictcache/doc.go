// Package verdictcache asks about each person once. Its [Cache] is an [id2meta.Verifier] in
// front of another Verifier, and remembers the verdicts, for one process or for many. Each
// answered call is billed, and the service refuses repeated calls.
//
//	store, err := verdictcache.NewMemory(100_000)
//	…
//	cache, err := verdictcache.New(client, store, hashKey)
//	…
//	result, err := cache.Verify(ctx, id2meta.Param{UserName: name, IdentifyNum: number})
//
// A [Store] keeps the verdicts: [NewMemory] for one process, package sqlstore for SQLite,
// PostgreSQL, MySQL and MariaDB, package redisstore for Redis. A Store never sees a person.
// Whoever can write the Store cannot make a verdict. Package storetest tests a Store of your
// own.
//
// The README of this package explains keys and their rotation, what happens when the Store
// fails, and when a person is asked about twice.
package verdictcache
