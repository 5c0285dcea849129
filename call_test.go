package id2meta_test

import (
	"net/http"
	"net/http/httptrace"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// roundTripper is a transport of a caller's own.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Of what a transport of a caller's own does not tell, the worst is assumed: that
// the request was sent.
func TestTransportThatTellsLittle(t *testing.T) {
	for _, test := range []struct {
		name string
		keep func(*httptrace.ClientTrace) *httptrace.ClientTrace // what it tells
	}{
		{"nothing", func(*httptrace.ClientTrace) *httptrace.ClientTrace { return nil }},
		{"only that it has a connection", func(all *httptrace.ClientTrace) *httptrace.ClientTrace {
			return &httptrace.ClientTrace{GotConn: all.GotConn}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newServer(t)
			silent := roundTripper(func(r *http.Request) (*http.Response, error) {
				// The context of the request goes, and with it the trace; what is
				// to be told is put into a new one.
				ctx := t.Context()
				if kept := test.keep(httptrace.ContextClientTrace(r.Context())); kept != nil {
					ctx = httptrace.WithClientTrace(ctx, kept)
				}
				return server.Client().Transport.RoundTrip(r.Clone(ctx))
			})
			client := newClient(t, []string{server.Endpoint()}, id2meta.WithHTTPClient(&http.Client{Transport: silent}))
			for range 3 {
				result, err := client.Verify(t.Context(), zhangParam)
				require.NoError(t, err)
				assert.True(t, result.Match())
			}
			server.Inject(id2metatest.Drop())
			_, err := client.Verify(t.Context(), zhangParam)
			assert.ErrorIs(t, err, id2meta.ErrServer)
			assert.ErrorContains(t, err, "may have billed")
			assert.Len(t, server.Calls(), 4, "not sent again")
		})
	}
}
