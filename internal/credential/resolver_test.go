package credential

import (
	"context"
	"errors"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alibabacloud-go/tea/dara"
	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// source is a source of keys whose behavior a test changes as it goes. It counts how often
// it was asked, and how many asked at a time.
type source struct {
	asked atomic.Int32

	mu      sync.Mutex
	asking  int
	atATime int // the most so far

	id   string        // of the key to give
	err  error         // to give instead
	hang chan struct{} // nil: it answers at once
}

func (s *source) get() (Key, error) {
	s.asked.Add(1)
	s.mu.Lock()
	s.asking++
	s.atATime = max(s.atATime, s.asking)
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking--
	if s.err != nil {
		return Key{}, s.err
	}
	return Key{AccessKeyID: s.id, AccessKeySecret: "secret-of-" + s.id}, nil
}

func (s *source) rotate(id string) { s.set(func() { s.id, s.err = id, nil }) }
func (s *source) fail()            { s.set(func() { s.err = errors.New("trouble") }) }
func (s *source) stall()           { s.set(func() { s.hang = make(chan struct{}) }) }

// goOn ends a stall.
func (s *source) goOn() { s.set(func() { close(s.hang); s.hang = nil }) }

func (s *source) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// ownCredential is a provider as users write them: without locks.
type ownCredential struct {
	credentials.Credential
	get func() (*credentials.CredentialModel, error)
}

func (c ownCredential) GetCredential() (*credentials.CredentialModel, error) { return c.get() }

func accessKey(id string) *credentials.CredentialModel {
	return &credentials.CredentialModel{AccessKeyId: dara.String(id), AccessKeySecret: dara.String("secret-of-" + id)}
}

// ofProvider and ofFunction are Resolvers in front of s.
func ofProvider(s *source) *Resolver {
	return &Resolver{Provider: ownCredential{get: func() (*credentials.CredentialModel, error) {
		key, err := s.get()
		if err != nil {
			return nil, err
		}
		return accessKey(key.AccessKeyID), nil
	}}}
}

func ofFunction(s *source) *Resolver {
	return &Resolver{KeyFunc: func(context.Context) (Key, error) { return s.get() }}
}

// requireKey resolves, and requires the key with this ID within a time.
func requireKey(t *testing.T, r *Resolver, id string, within time.Duration) Key {
	t.Helper()
	started := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	key, err := r.Resolve(ctx)
	require.NoError(t, err)
	require.Equal(t, id, key.AccessKeyID)
	require.LessOrEqual(t, time.Since(started), within)
	return key
}

// errProvider stands for every failure of the source.
var errProvider = errors.New("a failure of the source")

// requireNoKey resolves, and requires this error after at most a second.
func requireNoKey(t *testing.T, r *Resolver, want error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	key, err := r.Resolve(ctx)
	require.Zero(t, key)
	if want != errProvider {
		require.Equal(t, want, err)
		return
	}
	require.Error(t, err)
	require.NoError(t, ctx.Err(), "the source failed, and not the context")
}

// scenario is a test with a source that gives the key "a", and a Resolver in front of it.
type scenario struct {
	name string
	run  func(t *testing.T, s *source, r *Resolver)
}

func (test scenario) start(t *testing.T, name string, resolver func(*source) *Resolver) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &source{id: "a"}
			test.run(t, s, resolver(s))
			if s.hang != nil {
				s.goOn()
			}
		})
	})
}

func TestResolver(t *testing.T) {
	for _, test := range []scenario{
		{"callers who come together share one answer", func(t *testing.T, s *source, r *Resolver) {
			s.stall()
			var callers sync.WaitGroup
			for range 64 {
				callers.Go(func() { requireKey(t, r, "a", 5*time.Second) })
			}
			time.Sleep(5 * time.Second)
			s.goOn()
			callers.Wait()
			assert.EqualValues(t, 1, s.asked.Load())
		}},
		{"while it hangs, callers go on with the last key for two minutes", func(t *testing.T, s *source, r *Resolver) {
			requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			var callers sync.WaitGroup
			for range 64 {
				callers.Go(func() { requireKey(t, r, "a", refreshWait) })
			}
			callers.Wait()
			requireKey(t, r, "a", 0) // nobody waits for it twice
			time.Sleep(2*time.Minute - lifetime - refreshWait - time.Nanosecond)
			requireKey(t, r, "a", 0)
			time.Sleep(time.Nanosecond)
			requireNoKey(t, r, context.DeadlineExceeded)
			assert.EqualValues(t, 2, s.asked.Load())
		}},
		{"a caller who comes later waits only for the rest of the time", func(t *testing.T, s *source, r *Resolver) {
			requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			go r.Resolve(t.Context())
			time.Sleep(refreshWait * 3 / 4)
			requireKey(t, r, "a", refreshWait/4)
		}},
		{"the first call after two minutes waits for a new key", func(t *testing.T, s *source, r *Resolver) {
			requireKey(t, r, "a", 0)
			time.Sleep(2 * time.Minute)
			s.stall()
			s.rotate("b")
			time.AfterFunc(5*time.Second, s.goOn)
			requireKey(t, r, "b", 5*time.Second)
		}},
		{"the new key is used as soon as it is there", func(t *testing.T, s *source, r *Resolver) {
			requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			requireKey(t, r, "a", refreshWait)
			s.rotate("b")
			s.goOn()
			synctest.Wait()
			requireKey(t, r, "b", 0)
		}},
		{"every caller waits as long as its own context", func(t *testing.T, s *source, r *Resolver) {
			s.stall()
			var callers sync.WaitGroup
			for i := range 32 {
				callers.Go(func() {
					own := time.Duration(i) * time.Second
					started := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), own)
					defer cancel()
					_, err := r.Resolve(ctx)
					assert.Equal(t, context.DeadlineExceeded, err)
					assert.Equal(t, own, time.Since(started))
				})
			}
			callers.Wait()
			assert.EqualValues(t, 1, s.asked.Load())
		}},
		{"it is never asked twice at a time, even if the key was refused", func(t *testing.T, s *source, r *Resolver) {
			key := requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			requireKey(t, r, "a", refreshWait)
			r.Forget(key)
			requireNoKey(t, r, context.DeadlineExceeded)
			s.goOn()
			synctest.Wait()
			requireKey(t, r, "a", 0)
			assert.Equal(t, 1, s.atATime)
		}},
		{"a caller who was about to use the key hears that it was refused", func(t *testing.T, s *source, r *Resolver) {
			key := requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			time.AfterFunc(refreshWait/2, func() { r.Forget(key) })
			requireNoKey(t, r, context.DeadlineExceeded)
		}},
		{"a refresh that never ends is abandoned after three minutes", func(t *testing.T, s *source, r *Resolver) {
			s.stall()
			waiting := make(chan Key, 1)
			go func() {
				key, _ := r.Resolve(t.Context())
				waiting <- key
			}()
			synctest.Wait()
			hung := s.hang
			s.set(func() { s.hang = nil })
			time.Sleep(3*time.Minute - 2*time.Second)
			requireNoKey(t, r, context.DeadlineExceeded)
			requireKey(t, r, "a", time.Second)
			assert.Equal(t, "a", (<-waiting).AccessKeyID, "the key of the next refresh")
			s.rotate("late")
			close(hung)
			synctest.Wait()
			s.fail()
			time.Sleep(lifetime)
			requireKey(t, r, "a", 0) // and not the late key
		}},
		{"while it fails, callers go on with the last key for two minutes", func(t *testing.T, s *source, r *Resolver) {
			requireKey(t, r, "a", 0)
			s.fail()
			for range 119 {
				time.Sleep(time.Second)
				requireKey(t, r, "a", 0)
				requireKey(t, r, "a", 0)
			}
			assert.EqualValues(t, 120, s.asked.Load(), "once a second")
			time.Sleep(time.Second)
			requireNoKey(t, r, errProvider)
		}},
		{"without a last key every call asks", func(t *testing.T, s *source, r *Resolver) {
			s.fail()
			requireNoKey(t, r, errProvider)
			requireNoKey(t, r, errProvider)
			assert.EqualValues(t, 2, s.asked.Load())
			s.rotate("a")
			requireKey(t, r, "a", 0)
		}},
		{"a key that was refused is never used again, even if it was renewed meanwhile", func(t *testing.T, s *source, r *Resolver) {
			refused := requireKey(t, r, "a", 0)
			time.Sleep(time.Second)
			requireKey(t, r, "a", 0)
			s.fail()
			r.Forget(refused)
			requireNoKey(t, r, errProvider)
		}},
		{"the refusal of an old key leaves the new key alone", func(t *testing.T, s *source, r *Resolver) {
			refused := requireKey(t, r, "a", 0)
			s.rotate("b")
			time.Sleep(time.Second)
			requireKey(t, r, "b", 0)
			s.fail()
			r.Forget(refused)
			requireKey(t, r, "b", 0)
		}},
	} {
		test.start(t, "a provider: "+test.name, ofProvider)
		test.start(t, "a function: "+test.name, ofFunction)
	}
}

func TestResolverOfAProvider(t *testing.T) {
	for _, test := range []scenario{
		{"it is asked once a second, however often the Resolver is asked", func(t *testing.T, s *source, r *Resolver) {
			for range 4 {
				for range 100 {
					key := requireKey(t, r, "a", 0)
					ready, ok := r.Ready()
					require.True(t, ok)
					require.Equal(t, key, ready)
				}
				time.Sleep(lifetime)
				_, ok := r.Ready()
				require.False(t, ok)
			}
			assert.EqualValues(t, 4, s.asked.Load())
		}},
		{"a changed key is used a second later", func(t *testing.T, s *source, r *Resolver) {
			requireKey(t, r, "a", 0)
			s.rotate("b")
			time.Sleep(lifetime - time.Nanosecond)
			requireKey(t, r, "a", 0)
			time.Sleep(time.Nanosecond)
			requireKey(t, r, "b", 0)
		}},
	} {
		test.start(t, test.name, ofProvider)
	}
	t.Run("a call that finds a key allocates nothing and starts no goroutine", func(t *testing.T) {
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "a")
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
		for name, r := range map[string]*Resolver{"given": ofProvider(&source{id: "a"}), "chain": {}} {
			requireKey(t, r, "a", time.Second)
			r.retry = time.Now().Add(time.Minute)
			assert.Zero(t, testing.AllocsPerRun(1000, func() { r.Resolve(t.Context()) }), name)
		}
	})
	t.Run("it may change the answer that it gave", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			own := accessKey("0") // the same one each time: a data race, if callers see it
			n := 0
			r := &Resolver{Provider: ownCredential{get: func() (*credentials.CredentialModel, error) {
				n++
				*own.AccessKeyId = strconv.Itoa(n)
				return own, nil
			}}}
			first := requireKey(t, r, "1", 0)
			time.Sleep(lifetime)
			requireKey(t, r, "2", 0)
			assert.Equal(t, "1", first.AccessKeyID)
		})
	})
}

func TestResolverOfAFunction(t *testing.T) {
	type contextKey struct{}
	test := scenario{"a changed key is used at the next call", func(t *testing.T, s *source, r *Resolver) {
		for _, id := range []string{"a", "b", "a"} {
			s.rotate(id)
			requireKey(t, r, id, 0)
		}
	}}
	test.start(t, test.name, ofFunction)
	t.Run("its context belongs to no caller, and ends after 10 s", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
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
			assert.Equal(t, 10*time.Second, <-got)
		})
	})
	for name, test := range map[string]struct {
		get  func() (Key, error)
		want string
	}{
		"its error is told in fixed words": {func() (Key, error) { return Key{}, errors.New("vault: secret-of-a") }, errFunc.Error()},
		"its panic is an error":            {func() (Key, error) { panic("secret-of-a") }, "the source of the key panicked"},
		"half a key pair is an error":      {func() (Key, error) { return Key{AccessKeyID: "secret-of-a"}, nil }, "half a key pair: the source gave an access key ID without its secret"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Resolver{KeyFunc: func(context.Context) (Key, error) { return test.get() }}
			_, err := r.Resolve(t.Context())
			assert.EqualError(t, err, test.want)
		})
	}
}

// A key with a line feed at its end works, wherever it comes from.
func TestAKeyIsGivenWithoutTheWhiteSpaceAroundIt(t *testing.T) {
	for name, r := range map[string]*Resolver{
		"of a provider": {Provider: newProvider(t, new(credentials.Config).SetType("sts").
			SetAccessKeyId("id\n").SetAccessKeySecret("secret\n").SetSecurityToken("token\n"))},
		"of a function": {KeyFunc: func(context.Context) (Key, error) {
			return Key{Type: "sts", AccessKeyID: "id\n", AccessKeySecret: "secret\n", SecurityToken: "token\n"}, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.Resolve(t.Context())
			require.NoError(t, err)
			assert.Equal(t, Key{Type: "sts", AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "token"}, got)
		})
	}
}

func TestResolverSurvivesAProviderThatMisbehaves(t *testing.T) {
	var nilError *url.Error
	model := func(model *credentials.CredentialModel) func() (*credentials.CredentialModel, error) {
		return func() (*credentials.CredentialModel, error) { return model, nil }
	}
	for name, misbehave := range map[string]func() (*credentials.CredentialModel, error){
		"it panics":                          func() (*credentials.CredentialModel, error) { panic("secret") },
		"it panics with nil":                 func() (*credentials.CredentialModel, error) { panic(nil) },
		"it ends its goroutine":              func() (*credentials.CredentialModel, error) { runtime.Goexit(); return nil, nil },
		"its error panics":                   func() (*credentials.CredentialModel, error) { return nil, nilError },
		"it gives nothing":                   model(nil),
		"it gives a model without anything":  model(new(credentials.CredentialModel)),
		"it gives a key without its secret":  model(&credentials.CredentialModel{AccessKeyId: dara.String("a")}),
		"it gives a key and no bearer token": model(&credentials.CredentialModel{Type: dara.String("bearer"), AccessKeyId: dara.String("a"), AccessKeySecret: dara.String("b")}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				get := misbehave
				r := &Resolver{Provider: ownCredential{get: func() (*credentials.CredentialModel, error) { return get() }}}
				requireNoKey(t, r, errProvider)
				requireNoKey(t, r, errProvider)
				get = model(accessKey("a"))
				requireKey(t, r, "a", 0)
				get = misbehave
				time.Sleep(time.Second)
				requireKey(t, r, "a", 0) // within its grace
				time.Sleep(grace)
				requireNoKey(t, r, errProvider)
			})
		})
	}
}

func TestResolverOfTheDefaultChain(t *testing.T) {
	setKey := func(t *testing.T) {
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "a")
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret-of-a")
	}
	t.Run("a chain whose key was refused is left, even while it is asked", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			setKey(t)
			r := new(Resolver)
			key := requireKey(t, r, "a", 0)
			late := &source{id: "late", hang: make(chan struct{})}
			r.chain = ofProvider(late).Provider
			time.Sleep(time.Second)
			requireKey(t, r, "a", refreshWait)
			r.Forget(key)
			requireKey(t, r, "a", 0) // of a new chain
			late.goOn()
			synctest.Wait()
			requireKey(t, r, "a", 0)
		})
	})
	t.Run("a variable that appears after a failure is found", func(t *testing.T) {
		r := new(Resolver)
		requireNoKey(t, r, errProvider)
		setKey(t)
		requireKey(t, r, "a", time.Minute)
	})
}
