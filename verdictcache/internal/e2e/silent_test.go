//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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
			store, closeStore, err := d.open(dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer closeStore()
			cache, err := verdictcache.New(matching, store, hashKey)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cache.Verify(t.Context(), newPerson(0).param); err != nil {
				t.Fatal(err) // opens a connection, which is then silent too
			}
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
					if err := take(ctx); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: %v", step, err)
					}
					cancel()
					if took := time.Since(start); took > 2*time.Second {
						t.Errorf("%s took %v for its 100 ms", step, took)
					}
				}
				// A cancelled step ends at the deadline at the latest.
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				time.AfterFunc(100*time.Millisecond, cancel)
				start := time.Now()
				if _, err := store.Load(ctx, k); err == nil {
					t.Error("a cancelled load has no error")
				}
				if took := time.Since(start); took > 3*time.Second {
					t.Errorf("a load that was cancelled after 100 ms, and had 1 s, took %v", took)
				}
			}

			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			if got, err := cache.Verify(ctx, newPerson(1).param); err != nil || !got.Match() {
				t.Errorf("the verdict is %v, %v", got, err)
			}
		})
	}
}

// waitUntilStopped waits until no thread of the processes runs any more: kill returns before
// that, and a thread may still answer.
func waitUntilStopped(t *testing.T, pids []int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		running := ""
		for _, pid := range pids {
			threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			if err != nil {
				t.Fatal(err)
			}
			for _, thread := range threads {
				text, err := os.ReadFile(thread)
				if err != nil {
					continue // the thread has ended
				}
				// The state stands behind the name, which is in brackets.
				if _, state, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(state, "T") {
					running = thread
				}
			}
		}
		if running == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s still runs", running)
		}
	}
}

// family returns a process and all its children.
func family(t *testing.T, pid int) []int {
	t.Helper()
	pids := []int{pid}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	return pids
}
