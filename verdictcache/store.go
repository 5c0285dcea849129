package verdictcache

import (
	"context"
	"time"
)

// Key stands for one name and number. It is an HMAC under the hashKey that [New] was
// given. Without the hashKey, nobody can learn anything about the person from a Key.
type Key [32]byte

// MaxValueSize is the size of the longest value that a Cache gives its [Store], in bytes.
const MaxValueSize = 1024

// Store keeps values for a Cache, for one process or for many. It holds at most one
// value for each Key. A value is either a sealed verdict, or the claim of a Cache that
// is asking.
//
// For the Store, a value is 1 to [MaxValueSize] opaque bytes. A Store compares values byte
// by byte. Something that cannot be a value, for example 5 MB that another program wrote,
// counts as no value, and a Store should not fetch it.
//
// A value expires when its ttl has passed since the swap that wrote it, by the
// Store's own clock. The ttl is at least a millisecond, and may be as long as a century. A
// Store may drop what exceeds whole milliseconds. An expired value counts as no value, in
// every method.
//
// All methods are safe for concurrent use by any number of processes. Each call is one
// atomic step: the outcome is as if all calls had come one after the other.
//
// A step ends soon after the deadline of its ctx, even if the server behind the Store
// is silent. If ctx is cancelled before its deadline, the step should end soon, and
// must end at the deadline. The Cache gives every step a deadline. If ctx has ended
// before the step begins, the step is not taken, and the method returns an error.
//
// An error means that the outcome is unknown: the step may or may not have been
// taken. An error contains neither a value nor the password of the Store's address.
//
// Nobody changes a slice that was given to a Store, or that Load has returned.
//
// A Store may also have a method Check(ctx context.Context) error, which reports whether
// the Store can remember. [Cache.Check] calls this method, too. It is for what the Cache
// cannot see through the methods of Store. For example, a Store with many connections
// checks that one connection finds what another connection has written.
//
// Package [github.com/id2meta/id2meta/verdictcache/storetest] is this contract as
// tests.
type Store interface {
	// Load returns the value of key, or nil if there is none. It changes nothing.
	Load(ctx context.Context, key Key) (value []byte, err error)

	// CompareAndSwap replaces the value old of key by the value new, which expires
	// after ttl, and reports whether it did so. If key has another value, or none,
	// CompareAndSwap changes nothing and returns false.
	//
	// If old is nil, CompareAndSwap writes new only if key has no value. If new is
	// nil, CompareAndSwap removes old, and ignores ttl.
	//
	// A Store need not check the arguments. The Cache never gives it old and new that are
	// equal (or both nil), a value that is empty but not nil or longer than MaxValueSize,
	// or a new value with a ttl that is shorter than a millisecond.
	CompareAndSwap(ctx context.Context, key Key, old, new []byte, ttl time.Duration) (swapped bool, err error)

	// Delete removes the value of key, whatever the value is. If there is no value,
	// Delete returns nil.
	Delete(ctx context.Context, key Key) error
}
