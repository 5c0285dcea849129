package verdictcache

import (
	"context"
	"time"

	"github.com/id2meta/id2meta"
)

// Key stands for one person and name. It is an HMAC under the hashKey that [New]
// was given, so nothing of the person can be read from it without that.
type Key [32]byte

// Claimer names one question of one Cache: 16 random bytes, new for each
// question, so that whoever lost a claim cannot pass for whoever has it now.
type Claimer [16]byte

// Entry is what a Store holds of one Key.
type Entry struct {
	// Verdict is what is remembered. The zero Result means that nothing is. A
	// BizCode that is none of the three, which only another hand can have written,
	// is returned as it stands, for the Cache to report it.
	Verdict id2meta.Result
	// Claimed tells, where nothing is remembered, that somebody is asking.
	Claimed bool
}

// Store keeps verdicts and claims, for one process or for many. A Store holds at
// most one of the two for each Key: a claim becomes a verdict by Save, and goes
// away by Release, Delete or its lease.
//
// All methods are safe for concurrent use, end soon after their ctx does, and
// are each one step: whatever other processes do at the same time, the outcome
// is as if the calls had come one after the other. Leases and lifetimes are
// measured by one clock, that of the Store and not of the callers' machines.
// They are whole milliseconds at least; a verdict or a claim is over when its
// time has passed, and then it is as if it had never been there.
//
// The RequestID of a verdict that is saved is UTF-8 of at most 128 bytes, without
// U+0000; it may be empty.
//
// An error means that the outcome is not known: the step may have been taken. It
// holds no password of the Store's address.
//
// A Store may have one more method, EndsWithContext() bool. If it returns true, its
// steps end at the deadline of their ctx, and not much later than its cancellation,
// also when what is behind the Store hangs. The Cache then calls Load without the
// goroutine by which it leaves a Store that does not answer.
//
// Package [github.com/id2meta/id2meta/verdictcache/storetest] is this contract as
// tests.
type Store interface {
	// Load returns what there is of key. It changes nothing.
	Load(ctx context.Context, key Key) (Entry, error)

	// Claim gives key to claimer for lease, and reports whether it did: not if a
	// verdict is there or another claimer's lease runs. A verdict that is none of
	// the three counts as none. Who holds the claim already is given it again.
	Claim(ctx context.Context, key Key, claimer Claimer, lease time.Duration) (bool, error)

	// Renew lets the lease of claimer's claim begin anew, and reports whether it
	// did. It does nothing if the claim is gone, as Save: Claim would bring back
	// one that was deleted.
	Renew(ctx context.Context, key Key, claimer Claimer, lease time.Duration) (bool, error)

	// Save turns claimer's claim into a verdict that is remembered for lifetime,
	// and reports whether it did. It does nothing if the claim is gone: taken over
	// by another after its lease, released or deleted. A claim whose lease is over
	// and that nobody took over may count as either, here and for Renew.
	Save(ctx context.Context, key Key, claimer Claimer, verdict id2meta.Result, lifetime time.Duration) (bool, error)

	// Release gives claimer's claim up, so that another may claim at once. It does
	// nothing to a verdict and to another's claim.
	Release(ctx context.Context, key Key, claimer Claimer) error

	// Delete forgets key: a verdict, and also a claim, whose claimer will find on
	// Renew and Save that it is gone.
	Delete(ctx context.Context, key Key) error
}
