package transport

import (
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A wrapper learns of each handshake once, whatever version of Go: the pool reports it, so
// net/http must not.
func TestAHandshakeIsReportedOnce(t *testing.T) {
	var started, done int
	var last tls.ConnectionState
	sender, err := NewWrappedSender(nil, func(base http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			response, err := base.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				TLSHandshakeStart: func() { started++ },
				TLSHandshakeDone: func(state tls.ConnectionState, err error) {
					done++
					last = state
					assert.NoError(t, err)
				},
			})))
			if assert.NoError(t, err) {
				assert.Nil(t, response.TLS, "as WithTransportWrapper says")
			}
			return response, err
		})
	})
	require.NoError(t, err)
	t.Cleanup(sender.CloseIdleConnections)
	requireAnswer(t, sender, numbered(newTalkingServer(t, sized, func(c *talker, right string) { c.say(c.form(right)) }), 1))
	assert.Equal(t, 1, started)
	assert.Equal(t, 1, done)
	assert.True(t, last.HandshakeComplete)
}
