package transport

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/id2meta/id2meta/internal/testenv"
)

// http2Server counts the requests of which it got all data, and the streams that began.
type http2Server struct {
	host         string
	begun, whole atomic.Int32
}

// newHTTP2Server starts a server that calls open when there is a connection, head when
// the head of a request has arrived, and end when all of a request has arrived. Each of
// them may be nil.
func newHTTP2Server(t *testing.T, open func(*http2.Framer), head, end func(*http2.Framer, uint32)) *http2Server {
	config := serverTLS("h2")
	s := new(http2Server)
	s.host = testenv.Accept(t, func(conn net.Conn) {
		secure := tls.Server(conn, config)
		defer secure.Close()
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(secure, preface); err != nil {
			return
		}
		framer := http2.NewFramer(secure, secure)
		framer.WriteSettings()
		if open != nil {
			open(framer)
		}
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if !frame.IsAck() {
					framer.WriteSettingsAck()
				}
			case *http2.HeadersFrame:
				s.begun.Add(1)
				if head != nil {
					head(framer, frame.StreamID)
				}
			case *http2.DataFrame:
				if frame.StreamEnded() {
					s.whole.Add(1)
					if end == nil {
						return
					}
					end(framer, frame.StreamID)
				}
			}
		}
	}).Address
	return s
}

// A load balancer that drains, and a server that refuses, let clients of HTTP/2 send a
// request again. One attempt is one request all the same.
func TestOneAttemptIsOneRequestOverHTTP2(t *testing.T) {
	reset := func(code http2.ErrCode) func(*http2.Framer, uint32) {
		return func(f *http2.Framer, stream uint32) { f.WriteRSTStream(stream, code) }
	}
	goAway := func(last uint32, code http2.ErrCode) func(*http2.Framer, uint32) {
		return func(f *http2.Framer, _ uint32) { f.WriteGoAway(last, code, nil) }
	}
	silent := func(*http2.Framer, uint32) {}
	for _, test := range []struct {
		name      string
		open      func(*http2.Framer)
		head, end func(*http2.Framer, uint32)
	}{
		{name: "the stream is refused when the request has arrived", end: reset(http2.ErrCodeRefusedStream)},
		{name: "the stream is canceled", end: reset(http2.ErrCodeCancel)},
		{name: "the stream fails", end: reset(http2.ErrCodeInternal)},
		{name: "the stream ends without an error", end: reset(http2.ErrCodeNo)},
		{name: "the stream is refused when its head has arrived", head: reset(http2.ErrCodeRefusedStream), end: silent},
		{name: "the server goes away at open", open: func(f *http2.Framer) { f.WriteGoAway(0, http2.ErrCodeNo, nil) }, end: silent},
		{name: "the server goes away at open, and answers nothing", open: func(f *http2.Framer) { f.WriteGoAway(0, http2.ErrCodeNo, nil) }},
		{name: "the server goes away before it processes the request", end: goAway(0, http2.ErrCodeNo)},
		{name: "the server goes away when the head has arrived", head: goAway(0, http2.ErrCodeNo), end: silent},
		{name: "the server is overloaded", end: goAway(0, http2.ErrCodeEnhanceYourCalm)},
		{name: "the server goes away after the request", end: goAway(1<<31-1, http2.ErrCodeNo)},
		{name: "the server closes the connection"},
	} {
		for name, client := range map[string]func(t *testing.T) *http.Client{
			"the default client": func(t *testing.T) *http.Client {
				t.Cleanup(http.DefaultClient.CloseIdleConnections)
				return &http.Client{}
			},
			"a client with a Transport": func(t *testing.T) *http.Client {
				transport := http.DefaultTransport.(*http.Transport).Clone()
				t.Cleanup(transport.CloseIdleConnections)
				return &http.Client{Transport: transport}
			},
			"a client of golang.org/x/net": func(t *testing.T) *http.Client {
				//lint:ignore SA1019 services still use it
				transport := &http2.Transport{}
				t.Cleanup(func() { client := http.Client{Transport: transport}; client.CloseIdleConnections() })
				return &http.Client{Transport: transport}
			},
		} {
			t.Run(test.name+", with "+name, func(t *testing.T) {
				t.Parallel()
				server := newHTTP2Server(t, test.open, test.head, test.end)
				var sending atomic.Int32
				r := to(server.host)
				r.Sending = func() bool { return sending.Add(1) > 0 }
				o := NewGivenSender(client(t)).Send(within(t, time.Second), r)
				require.Error(t, o.Err)
				assert.LessOrEqual(t, server.whole.Load(), int32(1), "whole requests")
				assert.LessOrEqual(t, server.begun.Load(), int32(3), "heads without a body")
				if server.whole.Load() > 0 {
					assert.True(t, o.Sent)
					assert.False(t, o.Dead)
					assert.Positive(t, sending.Load())
				}
			})
		}
	}
}
