package credential

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

// clock is one that a test puts forward, so that tests with real providers and a real
// network need not wait.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

// newProvider is a provider of credentials-go.
func newProvider(t *testing.T, config *credentials.Config) credentials.Credential {
	t.Helper()
	provider, err := credentials.NewCredential(config)
	require.NoError(t, err)
	return provider
}

// resolveTogether makes n calls at once, requires this key from each, and returns how
// long the slowest call took.
func resolveTogether(t *testing.T, r *Resolver, n int, id string) time.Duration {
	t.Helper()
	var slowest atomic.Int64
	start := make(chan struct{})
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() {
			<-start
			started := time.Now()
			key, err := r.Resolve(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, id, key.AccessKeyID)
			for took := int64(time.Since(started)); ; {
				most := slowest.Load()
				if took <= most || slowest.CompareAndSwap(most, took) {
					return
				}
			}
		})
	}
	close(start)
	callers.Wait()
	return time.Duration(slowest.Load())
}

func TestManyCallersAskSTSOnceForEachRenewal(t *testing.T) {
	sts := testenv.NewSTS(t)
	sts.HandOut(testenv.RoleKeyID, 100*time.Second) // to be renewed at every refresh
	var clock clock
	r := &Resolver{Provider: sts.RAMRole(t), now: clock.now}
	for i := range 3 {
		resolveTogether(t, r, 64, testenv.RoleKeyID)
		sts.RequireAsked(t, i+1)
		clock.pass(time.Hour)
	}
}

// TestAKeySurvivesSTSTrouble has a key in use that the provider wants to renew, for it
// expires in 100 s, when STS stops working.
func TestAKeySurvivesSTSTrouble(t *testing.T) {
	for _, trouble := range []struct {
		name   string
		handle func(*testenv.STS) http.HandlerFunc
		hangs  bool
	}{
		{"it hangs", func(s *testenv.STS) http.HandlerFunc { return s.Hang }, true},
		{"it fails", func(*testenv.STS) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		}, false},
		{"it closes the connection", func(*testenv.STS) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		}, false},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			sts := testenv.NewSTS(t)
			sts.HandOut(testenv.RoleKeyID, 100*time.Second)
			var clock clock
			r := &Resolver{Provider: sts.RAMRole(t), now: clock.now}
			resolveTogether(t, r, 32, testenv.RoleKeyID)

			sts.Behave(trouble.handle(sts))
			clock.pass(2 * time.Second)
			if slowest := resolveTogether(t, r, 32, testenv.RoleKeyID); slowest > 10*time.Second {
				t.Errorf("a caller waited %v although there was a key", slowest)
			}
			sts.RequireAsked(t, 2)

			clock.pass(2 * time.Minute)
			timeout := time.Minute
			if trouble.hangs {
				timeout = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, err := r.Resolve(ctx)
			require.Error(t, err)
			assert.Equal(t, trouble.hangs, errors.Is(err, context.DeadlineExceeded))

			sts.HandOut("renewed", time.Hour)
			sts.Behave(nil)
			sts.LetGo()
			// One call may still hear of the refresh that was under way.
			if _, err := r.Resolve(t.Context()); err != nil {
				assert.NotErrorIs(t, err, context.DeadlineExceeded)
			}
			requireKey(t, r, "renewed", time.Minute)
		})
	}
}

func TestTheChainChangesToTheNextProviderOnlyWhenTheTroubleLasts(t *testing.T) {
	if _, err := os.Stat("/bin/cat"); err != nil {
		t.Skip("the test wants a command that prints a file: ", err)
	}
	home := testenv.EmptyHome(t)
	key := file(t, `{"mode":"AK","access_key_id":"`+testenv.UserKeyID+`","access_key_secret":"`+testenv.UserSecret+`",`+
		`"expiration":"2020-01-01T00:00:00Z"}`, home, "key.json") // so the command runs each time
	file(t, cli(`"mode":"External","process_command":"/bin/cat `+key+`"`), home, ".aliyun", "config.json")
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", testenv.NewCredentialsURI(t))
	var clock clock
	r := &Resolver{now: clock.now}
	requireKey(t, r, testenv.UserKeyID, time.Minute)

	require.NoError(t, os.Rename(key, key+".away"))
	for range 3 {
		clock.pass(2 * time.Second)
		requireKey(t, r, testenv.UserKeyID, time.Minute)
	}
	require.NoError(t, os.Rename(key+".away", key))
	clock.pass(2 * time.Second)
	requireKey(t, r, testenv.UserKeyID, time.Minute)

	require.NoError(t, os.Remove(key))
	clock.pass(2 * time.Minute)
	_, err := r.Resolve(t.Context())
	require.ErrorContains(t, err, commandFailed)
	requireKey(t, r, testenv.RoleKeyID, time.Minute)
}

// A key with a line feed at its end works, wherever it comes from.
func TestAKeyIsGivenWithoutTheWhiteSpaceAroundIt(t *testing.T) {
	want := Key{AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "token"}
	for name, make := range map[string]func(t *testing.T) *Resolver{
		"of the environment": func(t *testing.T) *Resolver {
			testenv.EmptyHome(t)
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id\n")
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret\n")
			t.Setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "token\n")
			return new(Resolver)
		},
		"of the CLI's configuration": func(t *testing.T) *Resolver {
			file(t, cli(`"mode":"StsToken","access_key_id":"id\n","access_key_secret":" secret","sts_token":"token\r\n"`), testenv.EmptyHome(t), ".aliyun/config.json")
			return new(Resolver)
		},
		"of a provider": func(t *testing.T) *Resolver {
			return &Resolver{Provider: newProvider(t, new(credentials.Config).SetType("sts").
				SetAccessKeyId("id\n").SetAccessKeySecret("secret\n").SetSecurityToken("token\n"))}
		},
		"of a function": func(*testing.T) *Resolver {
			return &Resolver{KeyFunc: func(context.Context) (Key, error) {
				return Key{AccessKeyID: "id\n", AccessKeySecret: "secret\n", SecurityToken: "token\n"}, nil
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := make(t).Resolve(t.Context())
			require.NoError(t, err)
			got.Type = ""
			assert.Equal(t, want, got)
		})
	}
}
