package e2e

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"go.uber.org/goleak"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/verdictcache"
)

// workerVariable holds the orders of a worker: the test binary, started again by a
// test, that asks about persons as a process of a service would.
const workerVariable = "ID2META_SERVERTEST_WORKER"

// orders is what a worker is told.
type orders struct {
	Store          string // the name of a database
	DSN            string
	Endpoint       string // of the simulator
	CertificatePEM []byte
	Persons        int // about all of them it asks
	Rounds         int // so often
}

// work is a worker's whole life. It returns the exit code, and explains it on stderr.
func work(text string) int {
	var o orders
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = o.serve()
	}
	if err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// serve opens the connections, says that it is ready, and asks when its standard input is
// closed. An answer that is not the person's verdict is an error.
func (o orders) serve() error {
	client, err := o.newClient()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	store, closeStore, err := databases[o.Store].open(o.DSN)
	if err != nil {
		return err
	}
	defer closeStore()
	next := id2meta.VerifierFunc(func(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
		time.Sleep(20 * time.Millisecond) // so that questions meet
		return client.Verify(ctx, param)
	})
	cache, err := verdictcache.New(next, store, hashKey, verdictcache.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
	if err != nil {
		return err
	}
	if err := warmUp(store); err != nil {
		return err
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	for range o.Rounds {
		err = errors.Join(err, askAll(cache, 0, o.Persons))
	}
	return err
}

// warmUp opens the connections. On a machine that starts many processes at once it
// may take longer than the time that a Cache gives its store.
func warmUp(store verdictcache.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	return atOnce(maxConns, maxConns, func(int) error {
		_, err := store.Load(ctx, verdictcache.Key{})
		return err
	})
}

// newClient returns a Client of the simulator in the parent's process.
func (o orders) newClient() (*id2meta.Client, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(o.CertificatePEM)
	return id2meta.New(id2meta.WithEndpoints(o.Endpoint), id2meta.WithRootCAs(roots),
		id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}))
}
