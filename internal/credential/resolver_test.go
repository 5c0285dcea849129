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
)

// ownCredential is a provider as users write them: without locks, and with an
// answer of its own.
type ownCredential struct {
	credentials.Credential
	get func() (*credentials.CredentialModel, error)
}

func (c ownCredential) GetCredential() (*credentials.CredentialModel, error) { return c.get() }

func accessKey(id string) *credentials.CredentialModel {
	return &credentials.CredentialModel{AccessKeyId: dara.String(id), AccessKeySecret: dara.String("secret-of-" + id)}
}

// source is a provider whose behaviour a test changes as it goes. It counts the
// times that it was asked, and how many asked at a time.
type source struct {
	asked   atomic.Int32
	asking  atomic.Int32
	atATime atomic.Int32 // the most so far

	mu   sync.Mutex
	id   string        // of the key to give
	err  error         // to give instead
	hang chan struct{} // closed: not at all
}

func newSource(id string) *source {
	s := &source{id: id}
	s.goOn()
	return s
}

func (s *source) resolver() *Resolver { return &Resolver{Provider: ownCredential{get: s.get}} }

func (s *source) get() (*credentials.CredentialModel, error) {
	s.asked.Add(1)
	if n := s.asking.Add(1); n > s.atATime.Load() {
		s.atATime.Store(n)
	}
	defer s.asking.Add(-1)
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	<-hang
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	return accessKey(s.id), nil
}

func (s *source) rotate(id string) { s.set(func() { s.id, s.err = id, nil }) }
func (s *source) fail()            { s.set(func() { s.err = errors.New("trouble") }) }
func (s *source) stall()           { s.set(func() { s.hang = make(chan struct{}) }) }

// goOn ends a stall.
func (s *source) goOn() {
	s.set(func() {
		if s.hang != nil {
			close(s.hang)
		}
		s.hang = make(chan struct{})
		close(s.hang)
	})
}

func (s *source) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// requireKey resolves, and requires the key with this ID within a time.
func requireKey(t *testing.T, r *Resolver, id string, within time.Duration) Key {
	t.Helper()
	started := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	key, err := r.Resolve(ctx)
	if err != nil {
		t.Fatalf("resolve failed: %v", err)
	}
	if got := key.AccessKeyID; got != id {
		t.Fatalf("resolve gave the key %q, want %q", got, id)
	}
	if took := time.Since(started); took > within {
		t.Fatalf("resolve took %v, want at most %v", took, within)
	}
	return key
}

// errProvider stands for every failure of the provider.
var errProvider = errors.New("a failure of the provider")

// requireNoKey resolves, and requires this error.
func requireNoKey(t *testing.T, r *Resolver, want error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	key, err := r.Resolve(ctx)
	isContexts := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	if want == errProvider && (err == nil || isContexts) || want != errProvider && err != want {
		t.Fatalf("resolve gave the error %v, want %v", err, want)
	}
	if key != (Key{}) {
		t.Fatal("resolve gave a key beside an error")
	}
}

func requireAsked(t *testing.T, s *source, want int32) {
	t.Helper()
	if got := s.asked.Load(); got != want {
		t.Fatalf("the provider was asked %d times, want %d", got, want)
	}
}

func TestResolverWhileTheProviderAnswers(t *testing.T) {
	t.Run("it asks once a second however often it is asked", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			for range 4 {
				for range 100 {
					requireKey(t, r, "a", 0)
				}
				time.Sleep(lifetime)
			}
			requireAsked(t, s, 4)
		})
	})
	t.Run("it asks once for callers who come together", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			s.stall()
			r := s.resolver()
			var callers sync.WaitGroup
			for range 64 {
				callers.Go(func() { requireKey(t, r, "a", 5*time.Second) })
			}
			time.Sleep(5 * time.Second)
			s.goOn()
			callers.Wait()
			requireAsked(t, s, 1)
		})
	})
	t.Run("the next call uses what changed a second ago", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			requireKey(t, r, "a", 0)
			s.rotate("b")
			time.Sleep(lifetime)
			requireKey(t, r, "b", 0)
		})
	})
	t.Run("the next call uses what changed an hour ago", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			requireKey(t, r, "a", 0)
			s.rotate("b")
			time.Sleep(time.Hour)
			requireKey(t, r, "b", 0)
		})
	})
	t.Run("a call that finds an answer starts no goroutine", func(t *testing.T) {
		for name, r := range map[string]*Resolver{"given": newSource("a").resolver(), "chain": {}} {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "a")
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
			requireKey(t, r, "a", time.Second)
			r.retry = time.Now().Add(time.Minute)
			if n := testing.AllocsPerRun(1000, func() { r.Resolve(t.Context()) }); n != 0 {
				t.Errorf("%s: a call allocates %v times, want none", name, n)
			}
		}
	})
	t.Run("a provider may change the answer that it gave", func(t *testing.T) {
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
			if got := first.AccessKeyID; got != "1" {
				t.Errorf("the first answer has become %q", got)
			}
		})
	})
}

func TestResolverWhileTheProviderHangs(t *testing.T) {
	t.Run("callers go on with the last answer for two minutes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			defer s.goOn()
			r := s.resolver()
			requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			var callers sync.WaitGroup
			for range 64 {
				callers.Go(func() { requireKey(t, r, "a", refreshWait) })
			}
			callers.Wait()
			requireKey(t, r, "a", 0) // nobody waits for it twice
			time.Sleep(grace - lifetime - refreshWait - time.Nanosecond)
			requireKey(t, r, "a", 0)
			time.Sleep(time.Nanosecond)
			requireNoKey(t, r, context.DeadlineExceeded)
			requireAsked(t, s, 2)
		})
	})
	t.Run("a caller who comes later waits only for the rest of the time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			defer s.goOn()
			r := s.resolver()
			requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			go r.Resolve(t.Context())
			time.Sleep(refreshWait * 3 / 4)
			requireKey(t, r, "a", refreshWait/4)
		})
	})
	t.Run("the first call after two minutes waits for a new answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			requireKey(t, r, "a", 0)
			time.Sleep(grace)
			s.stall()
			s.rotate("b")
			time.AfterFunc(5*time.Second, s.goOn)
			requireKey(t, r, "b", 5*time.Second)
		})
	})
	t.Run("the new answer is used as soon as it is there", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			requireKey(t, r, "a", refreshWait)
			s.rotate("b")
			s.goOn()
			synctest.Wait()
			requireKey(t, r, "b", 0)
			requireAsked(t, s, 2)
		})
	})
	t.Run("every caller waits as long as its own context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			defer s.goOn()
			s.stall()
			r := s.resolver()
			var callers sync.WaitGroup
			for i := range 32 {
				callers.Go(func() {
					own := time.Duration(i) * time.Second
					started := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), own)
					defer cancel()
					_, err := r.Resolve(ctx)
					if took := time.Since(started); took != own || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("a caller with %v waited %v and got %v", own, took, err)
					}
				})
			}
			callers.Wait()
			requireAsked(t, s, 1)
		})
	})
	t.Run("a provider is never asked twice at a time, refused or not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			key := requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			requireKey(t, r, "a", refreshWait)
			r.Forget(key)
			requireNoKey(t, r, context.DeadlineExceeded)
			s.goOn()
			synctest.Wait()
			requireKey(t, r, "a", 0)
			if n := s.atATime.Load(); n != 1 {
				t.Errorf("%d goroutines asked the provider at a time", n)
			}
		})
	})
	t.Run("a caller who was about to use it hears that it was refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			defer s.goOn()
			r := s.resolver()
			key := requireKey(t, r, "a", 0)
			time.Sleep(lifetime)
			s.stall()
			time.AfterFunc(refreshWait/2, func() { r.Forget(key) })
			requireNoKey(t, r, context.DeadlineExceeded)
		})
	})
}

func TestResolverWhileTheProviderFails(t *testing.T) {
	t.Run("callers go on with the last answer for two minutes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			requireKey(t, r, "a", 0)
			s.fail()
			for range 119 {
				time.Sleep(time.Second)
				requireKey(t, r, "a", 0)
				requireKey(t, r, "a", 0)
			}
			requireAsked(t, s, 120) // once a second
			time.Sleep(time.Second)
			requireNoKey(t, r, errProvider)
		})
	})
	t.Run("a new answer is used a second after it could be had", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			requireKey(t, r, "a", 0)
			s.fail()
			time.Sleep(time.Second)
			requireKey(t, r, "a", 0)
			s.rotate("b")
			time.Sleep(time.Second)
			requireKey(t, r, "b", 0)
		})
	})
	t.Run("without a last answer every call asks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			s.fail()
			requireNoKey(t, r, errProvider)
			requireNoKey(t, r, errProvider)
			requireAsked(t, s, 2)
			s.rotate("a")
			requireKey(t, r, "a", 0)
		})
	})
	t.Run("an answer that the service refused is never used again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			key := requireKey(t, r, "a", 0)
			s.fail()
			r.Forget(key)
			requireNoKey(t, r, errProvider)
		})
	})
	t.Run("an answer that was renewed meanwhile is forgotten with its twin", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			refused := requireKey(t, r, "a", 0)
			time.Sleep(time.Second)
			requireKey(t, r, "a", 0)
			s.fail()
			r.Forget(refused)
			requireNoKey(t, r, errProvider)
		})
	})
	t.Run("the refusal of an old answer leaves the new one alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSource("a")
			r := s.resolver()
			refused := requireKey(t, r, "a", 0)
			s.rotate("b")
			time.Sleep(time.Second)
			requireKey(t, r, "b", 0)
			s.fail()
			r.Forget(refused)
			requireKey(t, r, "b", 0)
			requireAsked(t, s, 2)
		})
	})
}

func TestResolverSurvivesAProviderThatMisbehaves(t *testing.T) {
	var nilError *url.Error
	for _, test := range []struct {
		name string
		get  func() (*credentials.CredentialModel, error)
	}{
		{"it panics", func() (*credentials.CredentialModel, error) { panic("secret") }},
		{"it panics with nil", func() (*credentials.CredentialModel, error) { panic(nil) }},
		{"it ends its goroutine", func() (*credentials.CredentialModel, error) { runtime.Goexit(); return nil, nil }},
		{"its error panics", func() (*credentials.CredentialModel, error) { return nil, nilError }},
		{"it gives nothing", func() (*credentials.CredentialModel, error) { return nil, nil }},
		{"it gives a model without anything", func() (*credentials.CredentialModel, error) { return new(credentials.CredentialModel), nil }},
		{"it gives an empty key", func() (*credentials.CredentialModel, error) {
			return &credentials.CredentialModel{AccessKeyId: dara.String(""), AccessKeySecret: dara.String("")}, nil
		}},
		{"it gives a key without its secret", func() (*credentials.CredentialModel, error) {
			return &credentials.CredentialModel{AccessKeyId: dara.String("a")}, nil
		}},
		{"it gives an empty bearer token", func() (*credentials.CredentialModel, error) {
			return &credentials.CredentialModel{Type: dara.String("bearer"), AccessKeyId: dara.String("a"), AccessKeySecret: dara.String("b")}, nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				healthy := true
				r := &Resolver{Provider: ownCredential{get: func() (*credentials.CredentialModel, error) {
					if healthy {
						return accessKey("a"), nil
					}
					return test.get()
				}}}
				healthy = false
				requireNoKey(t, r, errProvider)
				requireNoKey(t, r, errProvider)
				healthy = true
				requireKey(t, r, "a", 0)
				healthy = false
				time.Sleep(time.Second)
				requireKey(t, r, "a", 0) // within its grace
				time.Sleep(grace)
				requireNoKey(t, r, errProvider)
			})
		})
	}
}

func TestResolverLeavesAChainThatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "a")
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret-of-a")
		r := new(Resolver)
		key := requireKey(t, r, "a", 0)
		release := make(chan struct{})
		r.chain = ownCredential{get: func() (*credentials.CredentialModel, error) {
			<-release
			return accessKey("late"), nil
		}}
		time.Sleep(time.Second)
		requireKey(t, r, "a", refreshWait)
		r.Forget(key)
		requireKey(t, r, "a", 0) // of a new chain
		close(release)
		synctest.Wait()
		requireKey(t, r, "a", 0)
	})
}

func TestResolverFindsAVariableThatAppearsAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(Resolver)
		requireNoKey(t, r, errProvider)
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "a")
		t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret-of-a")
		requireKey(t, r, "a", 0)
	})
}

func TestResolverAbandonsARefreshThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var hung atomic.Bool
		hung.Store(true)
		r := &Resolver{Provider: ownCredential{get: func() (*credentials.CredentialModel, error) {
			if hung.Load() {
				<-release
				return accessKey("late"), nil
			}
			return accessKey("a"), nil
		}}}
		requireNoKey(t, r, context.DeadlineExceeded)
		waiting := make(chan error)
		go func() {
			_, err := r.Resolve(context.Background())
			waiting <- err
		}()
		time.Sleep(refreshLimit - time.Second) // requireNoKey took a second: the limit itself
		hung.Store(false)
		requireKey(t, r, "a", 0)
		if err := <-waiting; err != errTooLong {
			t.Errorf("the caller of the abandoned refresh got %v", err)
		}
		close(release)
		synctest.Wait()
		requireKey(t, r, "a", 0) // and not the late key
	})
}
