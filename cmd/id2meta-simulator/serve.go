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

const headerTimeout = 10 * time.Second

// serve serves until ctx ends. Then it closes all connections, as package id2metatest
// does. It returns an error if the server fails.
func serve(ctx context.Context, listener net.Listener, pair tls.Certificate, sim *simulator.Simulator, journal *journal) error {
	server := &http.Server{
		Handler:           sim,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}},
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          log.New(journal, "", 0),
		Protocols:         new(http.Protocols),
	}
	// HTTP/1.1 only, as in package id2metatest: with HTTP/2 the fault drop would
	// reset a stream and leave the connection open.
	server.Protocols.SetHTTP1(true)

	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
