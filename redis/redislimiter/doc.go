// Package redislimiter is an id2meta.Limiter that all processes with the same Redis
// and the same key share. An Alibaba Cloud account has 50 calls a second of
// Id2MetaVerify, however many machines send them.
//
//	limiter, err := redislimiter.New(client, "id2meta") // one key for each account
//	verifier, err := id2meta.New(id2meta.WithLimiter(limiter))
//
// # The limits
//
// The limit a second is a token bucket. The bucket holds 4 tokens and gains 47 a second;
// [WithRate] changes both numbers. Redis therefore grants at most 50 requests in any
// second. A bucket of 50 tokens that gains 50 a second would allow 100 requests in
// one second. A few requests may still arrive together, because the network delays
// them differently. If the service throttles one of them, id2meta waits and sends it
// again.
//
// [WithDailyLimit] also limits the requests of a day. [Limiter.Today] reads the count.
//
// Redis keeps the state of both limits in one hash under the key, which expires two days
// after the last request. A single Redis, a Redis with replicas and a Redis Cluster all
// work, from Redis 5 on. Only the clock of Redis counts; the clocks of the processes may be
// wrong. After a failover to a replica whose clock is behind, requests wait until that
// clock has caught up.
//
// In each process one caller at a time asks Redis, and the other callers queue in
// order. A hundred callers cost Redis no more than one caller does: about two
// commands for each request.
//
// # Deadlines
//
// [Limiter.Wait] returns an error at once if the wait does not fit into the deadline
// of its context. Such a caller uses no token and takes no place in the queue.
//
// # When Redis is in trouble
//
// Redis is in trouble if it refuses a command, if it does not answer within 250 ms,
// or if what it stores under the key cannot be the state of this limit: a value of
// another type, text, or a time so far away that no request could be sent for more
// than 10 s longer than a full bucket explains. The Limiter does not repair such a
// value. Its log message names the key; delete the key.
//
// By default nothing is sent while Redis is in trouble: Wait returns an error at
// once, and id2meta reports ErrUnavailable. With [WithFailOpen] each process continues
// with limits of its own. Redis is asked again after one second. Only one caller
// spends the 250 ms or asks again, not every caller.
//
// A caller that has less than 500 ms gives Redis half of its time. If Redis does not
// answer in that time, this caller goes on as if Redis were in trouble. For other callers
// Redis is in trouble when it has been silent for 250 ms in all.
package redislimiter
