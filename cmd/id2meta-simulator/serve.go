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
	// shutdownTimeout is how long an answer may still take after the interrupt.
	shutdownTimeout = 5 * time.Second
)

// serve serves until ctx ends, and returns when all requests have ended. It returns an
// error if the server fails.
func serve(ctx context.Context, listener net.Listener, pair tls.Certificate, sim *simulator.Simulator, journal *journal) error {
	server := &http.Server{
		Handler:           sim,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}},
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    simulator.MaxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends the requests that hang
		ErrorLog:          log.New(journal, "", 0),
		Protocols:         new(http.Protocols),
	}
	// HTTP/1.1 only, as in package id2metatest: with HTTP/2 the fault drop would
	// reset a stream and leave the connection open.
	server.Protocols.SetHTTP1(true)

	stopped := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(stopped)
		answering, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(answering) != nil {
			server.Close()
		}
	})
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	return nil
}
