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

// resolveTogether makes n calls at once, and requires this key from each within 10 s.
func resolveTogether(t *testing.T, r *Resolver, n int, id string) {
	t.Helper()
	start := make(chan struct{})
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() {
			<-start
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			key, err := r.Resolve(ctx)
			assert.NoError(t, err)
			assert.Equal(t, id, key.AccessKeyID)
		})
	}
	close(start)
	callers.Wait()
}

// TestAKeySurvivesSTSTrouble has a key in use that the provider wants to renew, for it
// expires in 100 s, when STS stops working.
func TestAKeySurvivesSTSTrouble(t *testing.T) {
	for name, hangs := range map[string]bool{"it hangs": true, "it fails": false} {
		t.Run(name, func(t *testing.T) {
			sts := testenv.NewSTS(t)
			sts.HandOut(testenv.RoleKeyID, 100*time.Second)
			var clock clock
			r := &Resolver{Provider: sts.RAMRole(t), now: clock.now}
			resolveTogether(t, r, 64, testenv.RoleKeyID)
			sts.RequireAsked(t, 1)

			trouble, timeout := sts.Hang, 200*time.Millisecond
			if !hangs {
				trouble, timeout = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, time.Minute
			}
			sts.Behave(trouble)
			clock.pass(2 * time.Second)
			resolveTogether(t, r, 64, testenv.RoleKeyID)
			sts.RequireAsked(t, 2)

			clock.pass(2 * time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, err := r.Resolve(ctx)
			require.Error(t, err)
			assert.Equal(t, hangs, errors.Is(err, context.DeadlineExceeded))

			sts.HandOut("renewed", time.Hour)
			sts.Behave(nil)
			sts.CloseClientConnections()
			// One call may still hear of the refresh that was under way.
			if _, err := r.Resolve(t.Context()); err != nil {
				assert.NotErrorIs(t, err, context.DeadlineExceeded)
			}
			requireKey(t, r, "renewed", time.Minute)
		})
	}
}

func TestTheChainChangesToTheNextProviderOnlyWhenTheTroubleLasts(t *testing.T) {
	home := testenv.EmptyHome(t)
	program := newProgram(t, `{"mode":"AK","access_key_id":"external","access_key_secret":"s","expiration":"2020-01-01T00:00:00Z"}`) // so it runs each time
	file(t, cli(`"mode":"External","process_command":"`+program.name+`"`), home, ".aliyun", "config.json")
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", testenv.NewCredentialsURI(t))
	var clock clock
	r := &Resolver{now: clock.now}
	requireKey(t, r, "external", time.Minute)

	away := program.name + ".away"
	require.NoError(t, os.Rename(program.name, away))
	for range 3 {
		clock.pass(2 * time.Second)
		requireKey(t, r, "external", time.Minute)
	}
	require.NoError(t, os.Rename(away, program.name))
	clock.pass(2 * time.Second)
	requireKey(t, r, "external", time.Minute)

	require.NoError(t, os.Remove(program.name))
	clock.pass(2 * time.Minute)
	_, err := r.Resolve(t.Context())
	require.ErrorContains(t, err, commandFailed)
	requireKey(t, r, testenv.RoleKeyID, time.Minute)
}
