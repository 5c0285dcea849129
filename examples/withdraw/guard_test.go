package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGuard(t *testing.T) {
	for _, c := range []struct {
		sentence, listen, method, host, origin string
		status                                 int
	}{
		{"a program on this machine is served", "127.0.0.1:8080", "POST", "127.0.0.1:8080", "", 200},
		{"the name localhost is this machine", "127.0.0.1:8080", "POST", "LOCALHOST:8080", "", 200},
		{"IPv6 is this machine, too", "[::1]:8080", "POST", "[::1]:8080", "", 200},
		{"the page of a name that resolves to this machine is refused", "127.0.0.1:8080", "POST", "evil.example:8080", "http://evil.example:8080", 421},
		{"it cannot read either", "127.0.0.1:8080", "GET", "evil.example:8080", "", 421},
		{"a name that begins like this machine is foreign", "127.0.0.1:8080", "POST", "127.0.0.1.evil.example", "", 421},
		{"a name that begins like localhost is foreign", "127.0.0.1:8080", "POST", "localhost.evil.example", "", 421},
		{"no Host is foreign", "127.0.0.1:8080", "POST", "", "", 421},
		{"the page of a foreign site is refused", "127.0.0.1:8080", "POST", "127.0.0.1:8080", "https://evil.example", 403},
		{"it cannot read either", "127.0.0.1:8080", "GET", "127.0.0.1:8080", "https://evil.example", 403},
		{"a page without a name is refused", "127.0.0.1:8080", "POST", "127.0.0.1:8080", "null", 403},
		{"a page of another port of this machine is refused", "127.0.0.1:8080", "POST", "127.0.0.1:8080", "http://127.0.0.1:3000", 403},
		{"our own page is served", "127.0.0.1:8080", "POST", "127.0.0.1:8080", "http://127.0.0.1:8080", 200},
		{"the name that a proxy on this machine passes on is served", "127.0.0.1:8080", "POST", "pay.example", "https://pay.example", 200},
		{"for all addresses any name is served", "[::]:8080", "POST", "10.0.0.7:8080", "", 200},
		{"for all addresses a foreign page is refused", "[::]:8080", "POST", "10.0.0.7:8080", "https://evil.example", 403},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			listen, err := net.ResolveTCPAddr("tcp", c.listen)
			require.NoError(t, err)
			served := false
			handler := guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }), listen, []string{"pay.example"})
			r := httptest.NewRequest(c.method, "/withdrawals", nil)
			r.Host = c.host
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			got := httptest.NewRecorder()
			handler.ServeHTTP(got, r)
			require.Equal(t, c.status, got.Code, got.Body.String())
			require.Equal(t, c.status == 200, served)
		})
	}
	t.Run("the program is guarded", func(t *testing.T) {
		p := start(t, nil, "-host", "pay.example")
		for host, status := range map[string]int{"evil.example": 421, "pay.example": 200, "": 200} {
			r, err := http.NewRequest("GET", p.base+"/healthz", nil)
			require.NoError(t, err)
			r.Host = host
			answer, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			answer.Body.Close()
			require.Equal(t, status, answer.StatusCode, host)
		}
		p.terminate(t)
	})
}
