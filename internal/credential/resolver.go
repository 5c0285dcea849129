// Package credential stands between a program and one provider of credentials-go,
// and makes the provider safe for many callers and their contexts. It does not know
// what the credentials are for.
package credential

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/aliyun/credentials-go/credentials/providers"
)

const (
	// lifetime is how long a key is used before its source is asked again. It is
	// short, because only the source knows when a key ends. It is long enough that
	// most calls find a key and start no goroutine. While the source fails, it is
	// also the time from one attempt to the next.
	lifetime = time.Second

	// refreshWait is how long callers who have an earlier key wait for a new one.
	// Most sources answer from memory, so the next call uses what changed there. A
	// source that renews its key over the network delays nobody for longer than
	// this.
	refreshWait = 100 * time.Millisecond

	// grace is how long a key may be used after the source last gave it, while
	// the source is slow or fails. The providers of credentials-go renew a key 180 s
	// before it expires, so a temporary key expires a minute after its grace ends: time
	// for the call itself, and for clocks that differ. (The deprecated rsa_key_pair
	// renews a 15-minute key only 45 s before it expires, and external cannot
	// tell when some keys expire.) The price is that a key which the source no
	// longer has may be used for two minutes. The service decides whether the key is still
	// good. A key that the service refuses is dropped at once, and a refused
	// call costs nothing.
	grace = 2 * time.Minute

	// funcTimeout is how long a Func gets for one answer.
	funcTimeout = 10 * time.Second
)

// Resolver stands in front of one source of keys: Given, or Func, or else the default
// provider chain of credentials-go. The zero Resolver asks the default chain. A
// Resolver is safe for concurrent use and must not be copied after its first use.
//
// The providers of credentials-go have no locks and no context, and ask the network
// while their caller waits. The Resolver asks its source from one goroutine at a
// time, and every caller waits no longer than the caller's own context allows. A
// caller for whom there is an earlier key does not wait for a source in trouble; see
// grace.
type Resolver struct {
	// Given is the provider to ask, or nil.
	Given credentials.Credential
	// Func is the function to ask, or nil. Every call asks it, except that callers
	// who come while it is at work share its answer; so a changed key counts at the
	// next call, and Func is not called by two goroutines at a time. Its context
	// belongs to no caller: it holds no values and ends after 10 s.
	Func func(ctx context.Context) (Key, error)

	now func() time.Time // the clock; nil: time.Now

	mu     sync.Mutex
	env    *chainEnvironment      // that chain was made in; a pointer, so that fmt does not print the values
	chain  credentials.Credential // nil until it is needed
	latest *answer                // nil: there is none that may be used; a pointer for the same reason
	retry  time.Time              // latest is used without asking until then
	flight *flight                // the refresh under way, or nil
}

// answer is a key, and when the source last gave it.
type answer struct {
	key Key
	at  time.Time
}

// flight is one refresh. Its result may be read when done is closed.
type flight struct {
	provider credentials.Credential // nil: Func is asked
	started  time.Time
	done     chan struct{}
	key      Key
	err      error
}

// Ready returns the key to sign with if that needs no wait.
func (r *Resolver) Ready() (Key, bool) {
	last, f := r.look()
	if f != nil {
		return Key{}, false
	}
	return last.key, true
}

// Resolve returns the key to sign with. If the source takes longer than ctx, Resolve
// fails with ctx's own error. Any other error is the source's failure in words of this
// package, without secrets.
func (r *Resolver) Resolve(ctx context.Context) (Key, error) {
	for {
		last, f := r.look()
		if f == nil {
			return last.key, nil
		}
		var late <-chan time.Time
		if last != nil {
			late = time.After(refreshWait - r.time().Sub(f.started))
		}
		select {
		case <-f.done:
			return f.key, f.err
		case <-late:
			// Look again: the service may have refused the last key meanwhile.
		case <-ctx.Done():
			return Key{}, ctx.Err()
		}
	}
}

// Forget drops key, because the service refused it. The next call asks the source
// again. The default chain is made anew, since an old one reads a profile only once
// and would give the same key again.
func (r *Resolver) Forget(key Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.latest != nil && r.latest.key == key {
		r.startOver()
	}
}

// look returns the answer to use, or the flight to wait for. If it returns both, the
// answer is for use when the flight takes long.
func (r *Resolver) look() (*answer, *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noticeEnvironment()
	now := r.time()
	last := r.usable(now)
	if last != nil && now.Before(r.retry) {
		return last, nil
	}
	if r.flight == nil {
		r.flight = &flight{provider: r.provider(), started: now, done: make(chan struct{})}
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

// usable returns the latest answer if it may still be used, or nil.
func (r *Resolver) usable(now time.Time) *answer {
	if r.latest == nil || now.Sub(r.latest.at) >= grace {
		return nil
	}
	return r.latest
}

// usesChain reports whether the source is the default chain.
func (r *Resolver) usesChain() bool { return r.Given == nil && r.Func == nil }

// provider returns the provider to ask, or nil if Func is to be asked.
func (r *Resolver) provider() credentials.Credential {
	if !r.usesChain() {
		return r.Given
	}
	if r.chain == nil {
		r.chain = credentials.FromCredentialsProvider("default", providers.NewDefaultCredentialsProvider())
	}
	return r.chain
}

// noticeEnvironment drops the default chain when the environment has changed.
func (r *Resolver) noticeEnvironment() {
	if !r.usesChain() {
		return
	}
	if env := readChainEnvironment(); r.env == nil || env != *r.env {
		kept := env // so that only a changed environment is allocated
		r.env = &kept
		r.startOver()
	}
}

// startOver drops the latest answer, and the default chain with its refresh. Another
// source keeps its refresh, since it must not be asked twice at a time.
func (r *Resolver) startOver() {
	r.latest = nil
	if r.usesChain() {
		r.chain, r.flight = nil, nil
	}
}

// refresh asks the source of f.
func (r *Resolver) refresh(f *flight) {
	defer r.land(f)
	// A provider may panic (ram_role_arn does if STS answers without Expiration) or
	// end its goroutine. Then f.err stays as it is set here.
	defer func() { _ = recover() }()
	f.err = errors.New("the source of the key panicked")
	if f.provider != nil {
		f.key, f.err = askProvider(f.provider)
		return
	}
	f.key, f.err = askFunc(r.Func)
}

// land takes over the result of f, and gives it to all who wait for it.
func (r *Resolver) land(f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(f.done)
	if r.flight != f {
		return // the resolver has started over meanwhile
	}
	r.flight = nil
	now := r.time()
	if f.err == nil {
		r.latest, r.retry = &answer{f.key, now}, now
		if r.Func == nil {
			r.retry = now.Add(lifetime) // a Func is asked by each call: a changed key counts at the next
		}
		return
	}
	if last := r.usable(now); last != nil {
		// The chain stays, too. A new chain might find another identity while
		// the first provider has trouble, and would stay with that identity.
		f.key, f.err = last.key, nil
		r.retry = now.Add(lifetime)
		return
	}
	// A chain that has failed asks only its last provider from then on.
	r.latest, r.chain = nil, nil
}
