package credential

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// funcOf is a Resolver that asks s by a function.
func funcOf(s *source) *Resolver {
	return &Resolver{KeyFunc: func(context.Context) (Key, error) {
		model, err := s.get()
		if err != nil {
			return Key{}, err
		}
		return Key{AccessKeyID: *model.AccessKeyId, AccessKeySecret: *model.AccessKeySecret}, nil
	}}
}

func TestFunc(t *testing.T) {
	type contextKey struct{}
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"a changed key counts at the next call", func(t *testing.T) {
			s := newSource("a")
			r := funcOf(s)
			for _, id := range []string{"a", "b", "a"} {
				s.rotate(id)
				requireKey(t, r, id, 0)
			}
		}},
		{"callers who come together share one answer", func(t *testing.T) {
			s := newSource("a")
			s.stall()
			r := funcOf(s)
			var callers sync.WaitGroup
			for range 64 {
				callers.Go(func() { requireKey(t, r, "a", time.Second) })
			}
			time.Sleep(time.Second)
			s.goOn()
			callers.Wait()
			requireAsked(t, s, 1)
		}},
		{"a caller waits as long as the caller's own context", func(t *testing.T) {
			s := newSource("a")
			defer s.goOn()
			s.stall()
			requireNoKey(t, funcOf(s), context.DeadlineExceeded)
		}},
		{"callers go on with the last key for two minutes while it hangs", func(t *testing.T) {
			s := newSource("a")
			defer s.goOn()
			r := funcOf(s)
			requireKey(t, r, "a", 0)
			s.stall()
			requireKey(t, r, "a", refreshWait)
			time.Sleep(grace)
			requireNoKey(t, r, context.DeadlineExceeded)
			requireAsked(t, s, 2)
		}},
		{"callers go on with the last key for two minutes while it fails", func(t *testing.T) {
			s := newSource("a")
			r := funcOf(s)
			requireKey(t, r, "a", 0)
			s.fail()
			requireKey(t, r, "a", 0)
			time.Sleep(grace)
			requireNoKey(t, r, errProvider)
		}},
		{"a key that was refused is never used again", func(t *testing.T) {
			s := newSource("a")
			r := funcOf(s)
			key := requireKey(t, r, "a", 0)
			s.fail()
			r.Forget(key)
			requireNoKey(t, r, errProvider)
		}},
		{"its error is told in fixed words", func(t *testing.T) {
			r := &Resolver{KeyFunc: func(context.Context) (Key, error) { return Key{}, errors.New("vault: secret") }}
			_, err := r.Resolve(t.Context())
			assert.Equal(t, errFunc, err)
			assert.NotContains(t, err.Error(), "vault")
		}},
		{"its panic is an error", func(t *testing.T) {
			r := &Resolver{KeyFunc: func(context.Context) (Key, error) { panic("secret") }}
			_, err := r.Resolve(t.Context())
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "secret")
		}},
		{"half a key pair is an error", func(t *testing.T) {
			r := &Resolver{KeyFunc: func(context.Context) (Key, error) { return Key{AccessKeyID: "a"}, nil }}
			_, err := r.Resolve(t.Context())
			assert.ErrorContains(t, err, "half a key pair")
		}},
		{"its context belongs to no caller, and ends after 10 s", func(t *testing.T) {
			got := make(chan time.Duration, 1)
			r := &Resolver{KeyFunc: func(ctx context.Context) (Key, error) {
				assert.Nil(t, ctx.Value(contextKey{}))
				started := time.Now()
				<-ctx.Done()
				got <- time.Since(started)
				return Key{}, ctx.Err()
			}}
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), contextKey{}, "a caller's"), time.Second)
			defer cancel()
			_, err := r.Resolve(ctx)
			assert.Equal(t, context.DeadlineExceeded, err)
			assert.Equal(t, funcTimeout, <-got)
		}},
		{"the environment does not matter", func(t *testing.T) {
			s := newSource("a")
			r := funcOf(s)
			key := requireKey(t, r, "a", 0)
			t.Setenv("ALIBABA_CLOUD_PROFILE", "other")
			s.fail()
			assert.Equal(t, key, requireKey(t, r, "a", 0))
		}},
	} {
		t.Run(test.name, func(t *testing.T) { synctest.Test(t, test.run) })
	}
}
