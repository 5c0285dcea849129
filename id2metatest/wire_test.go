package id2metatest_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
)

var quiet = log.New(io.Discard, "", 0)

// dial returns a connection on which a test can read and write what it likes.
func dial(t *testing.T, s *id2metatest.Server) net.Conn {
	t.Helper()
	config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	conn, err := tls.Dial("tcp", s.Endpoint(), config)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// rawHead sends a request and returns the head of the answer as it is on the wire.
func rawHead(t *testing.T, s *id2metatest.Server) string {
	t.Helper()
	conn := dial(t, s)
	require.NoError(t, (ask{}).request(t, s.Endpoint()).Write(conn))
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var head strings.Builder
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		if line == "\r\n" {
			return head.String()
		}
		head.WriteString(line)
	}
}

// Header.Get of net/http hides the spelling, but a client in PHP sees it.
func TestHeadersAreSpelledAsTheGatewaySpellsThem(t *testing.T) {
	s := newServer(t)
	s.Inject(id2metatest.Throttle(time.Second))
	head := rawHead(t, s)
	for _, line := range []string{
		`x-acs-request-id: [0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}`,
		`x-acs-retry-after: 1000`,
		`X-Ratelimit-User-Api: Limit:50,Remain:0,TimeLeft:1000,Reset:1000`,
		`X-Ratelimit-User: Limit:50,Remain:0,TimeLeft:1000,Reset:1000`,
	} {
		assert.Regexp(t, `(?m)^`+line+"\r$", head)
	}
}

func TestCloseDoesNotWaitForClients(t *testing.T) {
	const generous = 8 * time.Second
	for _, test := range []struct {
		name string
		do   func(t *testing.T, s *id2metatest.Server)
	}{
		{"that do not finish the body of a request", func(t *testing.T, s *id2metatest.Server) {
			io.WriteString(dial(t, s), "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nParamType")
			time.Sleep(100 * time.Millisecond) // for the Server to wait for the rest
		}},
		{"that do not read their answer", func(t *testing.T, s *id2metatest.Server) {
			const more = 64 << 20 // than the buffers of the network hold
			s.Inject(id2metatest.Raw(200, strings.Repeat("a", more)))
			io.WriteString(dial(t, s), "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
			for len(s.Calls()) == 0 {
				time.Sleep(time.Millisecond)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			test.do(t, s)
			closed := make(chan struct{})
			go func() {
				defer close(closed)
				s.Close()
			}()
			select {
			case <-closed:
			case <-time.After(generous):
				t.Error("Close hangs")
			}
		})
	}
}
