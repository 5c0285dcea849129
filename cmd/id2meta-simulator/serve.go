package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/id2meta/id2meta/internal/simulator"
)

const (
	headerTimeout = 10 * time.Second
	// farewell is how long answers that are on their way get when it ends.
	farewell = 5 * time.Second
)

// serve answers until ctx ends, and returns when all requests have ended. An
// error means that it could not go on.
func serve(ctx context.Context, listener net.Listener, pair tls.Certificate, sim *simulator.Simulator, journal *journal) error {
	server := &http.Server{
		Handler:           sim,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}},
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          log.New(journal, "", 0),
		Protocols:         new(http.Protocols),
	}
	// As the simulator of the tests: with HTTP/2 a dropped connection would be a
	// stream that is reset.
	server.Protocols.SetHTTP1(true)

	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	select {
	case err := <-failed:
		sim.Close()
		server.Close()
		return err
	case <-ctx.Done():
	}
	sim.Close() // what hangs need not be waited for
	patience, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if server.Shutdown(patience) != nil {
		server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
