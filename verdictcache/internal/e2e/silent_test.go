//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/verdictcache"
)

// A server whose processes are frozen accepts connections and says nothing, as
// behind a network that drops all packets. Every step ends with its ctx all the
// same, and by default everybody gets a verdict.
func TestSilentServer(t *testing.T) {
	for name, d := range databases {
		if name == "SQLite" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			dsn, server := d.ready(t)
			store := d.opened(t, dsn)
			cache := newCache(t, new(counting), store)
			_, err := cache.Verify(t.Context(), newPerson(0).param)
			require.NoError(t, err) // a connection is open, which is then silent too
			processes := family(t, server.PID())
			signal := func(s syscall.Signal) {
				for _, pid := range processes {
					syscall.Kill(pid, s)
				}
			}
			signal(syscall.SIGSTOP)
			defer signal(syscall.SIGCONT)
			waitUntilStopped(t, processes)

			for i := range 3 { // the first on the open connection, the others on new ones
				k := verdictcache.Key{byte(i)}
				swap := func(ctx context.Context, old, new []byte) error {
					_, err := store.CompareAndSwap(ctx, k, old, new, time.Minute)
					return err
				}
				for step, take := range map[string]func(context.Context) error{
					"load":    func(ctx context.Context) error { _, err := store.Load(ctx, k); return err },
					"write":   func(ctx context.Context) error { return swap(ctx, nil, []byte("new")) },
					"replace": func(ctx context.Context) error { return swap(ctx, []byte("old"), []byte("new")) },
					"remove":  func(ctx context.Context) error { return swap(ctx, []byte("old"), nil) },
					"delete":  func(ctx context.Context) error { return store.Delete(ctx, k) },
				} {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					start := time.Now()
					assert.Error(t, take(ctx), step)
					cancel()
					assert.Less(t, time.Since(start), 2*time.Second, "%s has 100 ms", step)
				}
				// A cancelled step ends at the deadline at the latest.
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				time.AfterFunc(100*time.Millisecond, cancel)
				start := time.Now()
				_, err := store.Load(ctx, k)
				assert.Error(t, err, "a cancelled load")
				assert.Less(t, time.Since(start), 3*time.Second, "a load that was cancelled after 100 ms, and had 1 s")
			}

			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			got, err := cache.Verify(ctx, newPerson(1).param)
			assert.NoError(t, err)
			assert.True(t, got.Match())
		})
	}
}

// waitUntilStopped waits until no thread of the processes runs any more: kill returns before
// that, and a thread may still answer.
func waitUntilStopped(t *testing.T, pids []int) {
	t.Helper()
	stopped := func() bool {
		for _, pid := range pids {
			threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			for _, thread := range threads {
				text, err := os.ReadFile(thread)
				// The state stands behind the name, which is in brackets.
				_, state, _ := strings.Cut(string(text), ") ")
				if err == nil && !strings.HasPrefix(state, "T") { // a thread may have ended
					return false
				}
			}
		}
		return true
	}
	require.Eventually(t, stopped, 10*time.Second, time.Millisecond)
}

// family returns a process and all its children.
func family(t *testing.T, pid int) []int {
	t.Helper()
	pids := []int{pid}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for field := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(field)
			require.NoError(t, err)
			pids = append(pids, child)
		}
	}
	return pids
}
