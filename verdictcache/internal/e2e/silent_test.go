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

	"github.com/id2meta/id2meta"
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
			cache, err := verdictcache.New(matching, store, make([]byte, 32))
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

			for i := range 3 { // the first on the open connection, the others on new ones
				k, c := verdictcache.Key{byte(i)}, verdictcache.Claimer{1}
				verdict := id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "1"}
				for step, take := range map[string]func(context.Context) error{
					"load":  func(ctx context.Context) error { _, err := store.Load(ctx, k); return err },
					"claim": func(ctx context.Context) error { _, err := store.Claim(ctx, k, c, time.Minute); return err },
					"save":  func(ctx context.Context) error { _, err := store.Save(ctx, k, c, verdict, time.Hour); return err },
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
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(100*time.Millisecond, cancel)
				start := time.Now()
				if _, err := store.Load(ctx, k); !errors.Is(err, context.Canceled) {
					t.Errorf("cancelled load: %v", err)
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("a load that was cancelled after 100 ms took %v", took)
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
