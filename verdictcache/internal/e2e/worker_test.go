package e2e

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"go.uber.org/goleak"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/verdictcache"
)

// workerVariable holds the orders of a worker: the test binary, started again by a
// test, that asks about persons as a process of a service would.
const workerVariable = "ID2META_SERVERTEST_WORKER"

// orders is what a worker is told when it starts. On its standard input it then
// gets the numbers of persons, one a line, and asks about them in that order, about
// so many at a time as it has callers.
type orders struct {
	Store          string // the name of a database
	DSN            string
	Endpoint       string // of the simulator
	CertificatePEM []byte
	HashKey        []byte
	Lease          time.Duration
}

// event is a line of a worker's standard output.
type event struct {
	What    string // "ready"; "answer": of the cache; "end": of the worker
	Person  int
	BizCode id2meta.BizCode
	Err     string
	Took    time.Duration

	StoreFailures uint64 // of the worker, at its end
}

// work is a worker's whole life. It returns the exit code.
func work(text string) int {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var stdout sync.Mutex
	say := func(e event) {
		line, _ := json.Marshal(e) // cannot fail: strings and numbers
		stdout.Lock()
		defer stdout.Unlock()
		os.Stdout.Write(append(line, '\n')) // one write, which a kill does not cut in two
	}
	end := event{What: "end"}
	stats, err := o.serve(say)
	end.StoreFailures = stats.StoreFailures
	if err == nil {
		err = goleak.Find()
	}
	if err != nil {
		end.Err = err.Error()
	}
	say(end)
	return 0
}

// serve answers for everybody on the standard input, and returns when that is
// closed and all have their answer.
func (o orders) serve(say func(event)) (stats verdictcache.Stats, err error) {
	client, err := o.newClient()
	if err != nil {
		return stats, err
	}
	defer client.CloseIdleConnections()
	store, closeStore, err := databases[o.Store].open(o.DSN)
	if err != nil {
		return stats, err
	}
	defer closeStore()
	next := id2meta.VerifierFunc(func(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
		time.Sleep(10 * time.Millisecond) // so that questions meet
		return client.Verify(ctx, param)
	})
	cache, err := verdictcache.New(next, store, o.HashKey, verdictcache.WithLease(o.Lease),
		verdictcache.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
	if err != nil {
		return stats, err
	}
	if err := warmUp(store); err != nil {
		return stats, err
	}
	say(event{What: "ready"})

	var open sync.WaitGroup
	free := make(chan struct{}, callers)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		i, err := strconv.Atoi(lines.Text())
		if err != nil {
			return stats, err
		}
		free <- struct{}{}
		open.Go(func() {
			defer func() { <-free }()
			ctx, cancel := context.WithTimeout(context.Background(), answerTime)
			defer cancel()
			start := time.Now()
			result, err := cache.Verify(ctx, newPerson(i).param)
			answer := event{What: "answer", Person: i, BizCode: result.BizCode, Took: time.Since(start)}
			if err != nil {
				answer.Err = err.Error()
			}
			say(answer)
		})
	}
	open.Wait()
	return cache.Stats(), nil
}

// warmUp opens the connections. On a machine that starts many processes at once it
// may take longer than the time that a Cache gives its store.
func warmUp(store verdictcache.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	var group sync.WaitGroup
	errs := make([]error, maxConns)
	for i := range errs {
		group.Go(func() { _, errs[i] = store.Load(ctx, verdictcache.Key{}) })
	}
	group.Wait()
	return errors.Join(errs...)
}

const (
	// callers is about how many persons a worker asks at the same time.
	callers = 2 * maxConns
	// answerTime is what a caller of a worker waits at most.
	answerTime = 20 * time.Second
)

// newClient returns a Client of the simulator in the parent's process.
func (o orders) newClient() (*id2meta.Client, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(o.CertificatePEM)
	return id2meta.New(id2meta.WithEndpoints(o.Endpoint), id2meta.WithRootCAs(roots),
		id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}))
}
