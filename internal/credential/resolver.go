// Package credential stands between a program and one provider of credentials-go,
// and makes the provider safe for many callers and their contexts. It does not know
// what the credentials are for.
package credential

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/aliyun/credentials-go/credentials/providers"
)

const (
	// lifetime is how long the provider's answer is used before it is
	// asked again. It is short because only the provider knows when a credential
	// ends, and long enough that most calls find the answer there and start no
	// goroutine. After a failure that grace covers it is the time to
	// the next question.
	lifetime = time.Second

	// patience is how long callers who have an earlier answer wait for a new one.
	// Most providers answer from memory, so that what changed there is used by the
	// next call; one that renews over the network holds nobody up for longer than
	// this.
	patience = 100 * time.Millisecond

	// grace is how long an answer may be used after the provider last gave it,
	// while the provider is slow or fails. The providers of
	// credentials-go renew what ends within 180 s, so a temporary credential
	// outlives its grace by a minute, for the call itself and for clocks that
	// differ. (The deprecated rsa_key_pair renews a 15-minute one only 45 s
	// ahead, and external cannot tell when some end.) The price is that a key
	// which the provider no longer has may be used for so long. The service
	// decides whether it is still good: one that it refuses is dropped at once,
	// and a refused call costs nothing.
	grace = 2 * time.Minute
)

// Resolver stands in front of one credentials.Credential. The zero Resolver asks
// the default provider chain. It is safe for concurrent use.
//
// The providers of credentials-go have no locks and no context, and ask the network while their
// caller waits; behind the resolver one goroutine at a time asks, and every
// caller waits no longer than its own context lets it. Callers who have an
// earlier answer do not wait for a provider in trouble; see grace.
type Resolver struct {
	// Given is the provider to ask; nil means the default chain.
	Given credentials.Credential

	mu       sync.Mutex
	env      *chainEnvironment      // a pointer, as fmt prints no more of it than that
	chain    credentials.Credential // of env; nil until it is needed
	current  *credentials.CredentialModel
	answered time.Time // when the provider last gave current
	askAgain time.Time // until then current is used unasked
	flight   *flight   // the question under way, or nil
}

// flight is one question to a provider. Its result may be read when done is
// closed.
type flight struct {
	provider credentials.Credential
	started  time.Time
	done     chan struct{}
	model    *credentials.CredentialModel
	err      error
}

// Resolve returns the credential to sign with. It fails with ctx's own error if the
// provider takes longer than ctx; any other error is the provider's failure in words
// of this package, without secrets.
func (r *Resolver) Resolve(ctx context.Context) (*credentials.CredentialModel, error) {
	for {
		model, f := r.look()
		if f == nil {
			return model, nil
		}
		var late <-chan time.Time
		if model != nil {
			late = time.After(time.Until(f.started.Add(patience)))
		}
		select {
		case <-f.done:
			return f.model, f.err
		case <-late:
			// Look again: model may have been refused meanwhile.
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look returns the credential to use, or the flight to wait for. With both, the
// credential is what to use if the flight takes long.
func (r *Resolver) look() (*credentials.CredentialModel, *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noticeEnvironment()
	now := time.Now()
	model := r.currentAt(now)
	if model != nil && now.Before(r.askAgain) {
		return model, nil
	}
	if r.flight == nil {
		r.flight = &flight{provider: r.provider(), started: now, done: make(chan struct{})}
		go r.ask(r.flight)
	}
	if model != nil && now.Sub(r.flight.started) >= patience {
		return model, nil
	}
	return model, r.flight
}

// currentAt returns the last answer if it may still be used, or nil.
func (r *Resolver) currentAt(now time.Time) *credentials.CredentialModel {
	if now.Sub(r.answered) >= grace {
		return nil
	}
	return r.current
}

// provider returns what to ask.
func (r *Resolver) provider() credentials.Credential {
	if r.Given != nil {
		return r.Given
	}
	if r.chain == nil {
		r.chain = credentials.FromCredentialsProvider("default", providers.NewDefaultCredentialsProvider())
	}
	return r.chain
}

// noticeEnvironment leaves the default chain behind when what it was built from
// has changed.
func (r *Resolver) noticeEnvironment() {
	if r.Given != nil {
		return
	}
	if env := readChainEnvironment(); r.env == nil || env != *r.env {
		kept := env // only this one is allocated
		r.env = &kept
		r.startOver()
	}
}

// Forget makes the next call ask the provider again: the service refused model.
// A default chain would give the same key again, for it reads a profile once.
func (r *Resolver) Forget(model *credentials.CredentialModel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil && reflect.DeepEqual(r.current, model) {
		r.startOver()
	}
}

// Age lets d pass for what r knows of its credential, so that tests with real
// providers need not wait for it.
func (r *Resolver) Age(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered = r.answered.Add(-d)
	r.askAgain = r.askAgain.Add(-d)
}

// startOver drops the last answer, and the default chain with whatever it is
// doing. A given provider keeps its flight, since it must not be asked twice at
// a time.
func (r *Resolver) startOver() {
	r.current = nil
	if r.Given == nil {
		r.chain, r.flight = nil, nil
	}
}

// ask puts f's question to its provider.
func (r *Resolver) ask(f *flight) {
	defer r.land(f)
	// A provider that panics (ram_role_arn does on an STS answer without
	// Expiration), or ends its goroutine, leaves f.err as it is set here.
	defer func() { _ = recover() }()
	f.err = errors.New("the provider panicked")
	f.model, f.err = askProvider(f.provider)
}

// land takes over what f brought, and hands it to all who wait for it.
func (r *Resolver) land(f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(f.done)
	if r.flight != f {
		return // the resolver has started over meanwhile
	}
	r.flight = nil
	now := time.Now()
	if f.err == nil {
		r.current, r.answered, r.askAgain = f.model, now, now.Add(lifetime)
		return
	}
	if model := r.currentAt(now); model != nil {
		// The chain is kept as well: a new one might find another identity
		// while the first has trouble, and would stay with it.
		f.model, f.err = model, nil
		r.askAgain = now.Add(lifetime)
		return
	}
	// A chain that has failed would ask only its last provider from now on.
	r.current, r.chain = nil, nil
}
