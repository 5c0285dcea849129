// Package credential makes a provider of credentials-go safe for many concurrent
// callers, each with a context. It does not know what the credentials are for.
package credential

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aliyun/credentials-go/credentials"
)

const (
	// lifetime is how long a key is used before its source is asked again. It is
	// short, because only the source knows when a key expires. It is long enough that
	// most calls find a key and start no goroutine. While the source fails, lifetime
	// is also the time between two attempts.
	lifetime = time.Second

	// refreshWait is how long a caller waits for a new key if there is an earlier key.
	// Most sources answer from memory, so the caller gets a changed key. A source that
	// renews its key over the network delays a caller no longer than refreshWait.
	refreshWait = 100 * time.Millisecond

	// grace is how long a key may be used after the source last returned it, while
	// the source is slow or fails. The providers of credentials-go renew a key 180 s
	// before it expires. So at the end of grace a temporary key is still valid for a
	// minute: enough for the call itself, and for clocks that differ. (The deprecated
	// rsa_key_pair renews a 15-minute key only 45 s before it expires. The provider
	// external does not know when some keys expire.)
	//
	// So a key that the source has withdrawn may be used for two more minutes. The
	// service decides whether the key is still valid. It does not bill a call that it
	// refuses, and the Resolver drops a refused key at once.
	grace = 2 * time.Minute

	// refreshLimit is how long a refresh may take before it is abandoned and another
	// refresh may start. credentials-go gives the command of a CLI profile 60 s, and
	// STS 15 s. But a command that leaves a child with its output open never ends. The
	// limit is longer than grace, so that a slow source does not cost a usable key.
	refreshLimit = 3 * time.Minute

	// funcTimeout is the time limit of one call of KeyFunc.
	funcTimeout = 10 * time.Second
)

// Resolver stands in front of one source of keys: Provider, or KeyFunc, or else the default
// provider chain. The zero Resolver asks the default chain. A
// Resolver is safe for concurrent use and must not be copied after its first use.
//
// The providers of credentials-go have no locks and take no context, and their callers
// wait for the network. The Resolver asks its source from one goroutine at a time, and
// each caller waits only until its own context ends. If there is an earlier key, a
// caller waits at most refreshWait for the source; see grace.
type Resolver struct {
	// Provider is the provider to ask, or nil.
	Provider credentials.Credential
	// KeyFunc is the function to ask, or nil. Each Resolve calls KeyFunc, so a changed key
	// is used from the next call on. There are two exceptions: callers that wait at
	// the same time share one call of KeyFunc, and after a failure the earlier key is
	// used for one lifetime. The context of KeyFunc does not belong to any caller: it
	// holds no values and ends after 10 s.
	KeyFunc func(ctx context.Context) (Key, error)

	now func() time.Time // the clock; nil: time.Now

	mu     sync.Mutex
	chain  credentials.Credential // the default chain; nil until it is needed
	latest *answer                // nil: no usable answer; a pointer, so that fmt does not print the key
	retry  time.Time              // until then latest is used, and the source is not asked
	flight *flight                // the refresh under way, or nil
}

// answer is a key, and the time when the source last returned it.
type answer struct {
	key Key
	at  time.Time
}

// flight is one refresh. Its result may be read when done is closed.
type flight struct {
	source  func() (Key, error)
	started time.Time
	done    chan struct{}
	key     Key
	err     error
}

// Ready returns the key to sign with if nobody needs to be asked for it.
func (r *Resolver) Ready() (Key, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.isFresh(r.time()) {
		return Key{}, false
	}
	return r.latest.key, true
}

// Resolve returns the key to sign with. If ctx ends first, Resolve returns ctx.Err().
// Any other error says in words of this package why the source failed, without secrets.
func (r *Resolver) Resolve(ctx context.Context) (Key, error) {
	for {
		last, f := r.look()
		if f == nil {
			return last.key, nil
		}
		wait := refreshLimit
		if last != nil {
			wait = refreshWait
		}
		select {
		case <-f.done:
			return f.key, f.err
		case <-time.After(wait - r.time().Sub(f.started)):
			// Look again: the refresh takes too long, or the service may have refused
			// the last key in the meantime.
		case <-ctx.Done():
			if last != nil {
				return last.key, nil // there was no time to wait for a newer key
			}
			return Key{}, ctx.Err()
		}
	}
}

// Forget drops key, because the service refused it. The next call asks the source
// again. Forget also drops the default chain and its refresh: an old chain reads a profile
// only once, and would return the same key again. It does not drop the refresh of another
// source, because two goroutines must not ask that source at the same time.
func (r *Resolver) Forget(key Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.latest == nil || r.latest.key != key {
		return
	}
	r.latest = nil
	if r.Provider == nil && r.KeyFunc == nil {
		r.chain, r.flight = nil, nil
	}
}

// look returns the answer to use, or the flight to wait for. If look returns both, the
// caller waits for the flight at most refreshWait, and then uses the answer.
func (r *Resolver) look() (*answer, *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.time()
	if r.isFresh(now) {
		return r.latest, nil
	}
	if r.flight != nil && now.Sub(r.flight.started) >= refreshLimit {
		r.chain, r.flight = nil, nil
	}
	last := r.usable(now)
	if r.flight == nil {
		r.flight = &flight{source: r.source(), started: now, done: make(chan struct{})}
		go r.refresh(r.flight)
	}
	if last != nil && now.Sub(r.flight.started) >= refreshWait {
		return last, nil
	}
	return last, r.flight
}

func (r *Resolver) time() time.Time {
	if r.now != nil {
		return r.now()
	}
	return time.Now()
}

// isFresh reports whether the latest answer may be used without asking the source.
func (r *Resolver) isFresh(now time.Time) bool { return r.usable(now) != nil && now.Before(r.retry) }

// usable returns the latest answer if it may still be used, or nil.
func (r *Resolver) usable(now time.Time) *answer {
	if r.latest == nil || now.Sub(r.latest.at) >= grace {
		return nil
	}
	return r.latest
}

// source returns the function that asks the source.
func (r *Resolver) source() func() (Key, error) {
	if r.KeyFunc != nil {
		return func() (Key, error) { return askFunc(r.KeyFunc) }
	}
	provider := r.Provider
	if provider == nil {
		if r.chain == nil {
			r.chain = newChain()
		}
		provider = r.chain
	}
	return func() (Key, error) { return askProvider(provider) }
}

// refresh asks the source of f.
func (r *Resolver) refresh(f *flight) {
	var key Key
	// A provider may panic (ram_role_arn does if STS answers without Expiration) or
	// end its goroutine. Then err stays as it is set here.
	err := errors.New("the source of the key panicked")
	defer func() { r.finish(f, key, err) }()
	defer func() { _ = recover() }()
	key, err = f.source()
}

// finish keeps the result of f, and wakes the callers that wait for f.
func (r *Resolver) finish(f *flight, key Key, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(f.done)
	f.key, f.err = key, err
	if r.flight != f {
		return // the refresh was abandoned, or the resolver has started over
	}
	r.flight = nil
	now := r.time()
	if f.err == nil {
		r.latest, r.retry = &answer{f.key, now}, now
		if r.KeyFunc == nil {
			r.retry = now.Add(lifetime) // with KeyFunc, retry is now: each call asks KeyFunc
		}
		return
	}
	if last := r.usable(now); last != nil {
		// The chain stays, too. While the first provider fails, a new chain might
		// find another identity, and would keep that identity.
		f.key, f.err = last.key, nil
		r.retry = now.Add(lifetime)
		return
	}
	// A new chain finds a file or a variable that appears later.
	r.latest, r.chain = nil, nil
}
