// Package redislimiter is an id2meta.Limiter that all processes with the same Redis
// and the same key share: an Alibaba Cloud account has 50 calls a second, however
// many machines it runs on.
//
//	limiter := redislimiter.New(client, "id2meta") // one key for each account
//	verifier, err := id2meta.New(id2meta.WithLimiter(limiter))
//
// # The limit
//
// It is a bucket of 4 that fills at 47 a second ([WithRate] changes both): Redis
// grants never more than 50 in any second. A bucket of 50 that fills at 50 a second
// would let 100 go in one. On their way through the network a few requests may still
// meet, and id2meta waits if the service throttles one.
//
// The limit stands in Redis, under the key "rate:" and the given one (the package
// github.com/go-redis/redis_rate/v10 keeps it there), so that any Redis will do,
// also a cluster. The clock is that of Redis, and those of the processes may be
// wrong. After a failover to a replica whose clock is behind, requests wait for as
// long as it is.
//
// In each process one caller at a time asks Redis, and the others queue in order:
// a hundred callers cost Redis no more than one, about two questions for each
// request.
//
// # When Redis is down
//
// By default nothing is sent: Wait returns an error at once, of which id2meta makes
// an ErrThrottled. With [WithFailOpen] each process goes on with a limit of its own.
// A Redis that does not answer within 250 ms counts as down, and one that is down is
// asked again once a second; both for one caller's account, not for each.
//
// The client's own timeouts need not be short: the Limiter does not wait for them.
// But a question that it has given up goes on in the background until they are over,
// unless the client has ContextTimeoutEnabled.
package redislimiter
