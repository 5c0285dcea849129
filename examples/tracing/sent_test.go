package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// otelhttp must not hide from the Client whether a request was sent: ErrMaybeBilled
// stands beside an error exactly if the server saw the request.
func TestOtelhttpTellsWhetherARequestWasSent(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  []id2metatest.Fault
		change func(*http.Transport)
		seen   int
	}{
		{"the server drops the connection", []id2metatest.Fault{id2metatest.Drop()}, func(*http.Transport) {}, 1},
		{"the server breaks its answer off", []id2metatest.Fault{id2metatest.Truncate()}, func(*http.Transport) {}, 1},
		{"the function Proxy fails", nil, func(base *http.Transport) {
			base.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("no proxy") }
		}, 0},
		{"nobody listens at the proxy", nil, func(base *http.Transport) {
			base.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "127.0.0.1:1"})
		}, 0},
		{"the certificate is not trusted", nil, func(base *http.Transport) {
			base.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := id2metatest.NewServer()
			defer server.Close()
			server.Inject(test.fault...)
			base := server.Client().Transport.(*http.Transport).Clone()
			test.change(base)
			defer base.CloseIdleConnections()
			client, err := id2meta.New(id2meta.WithEndpoints(server.Endpoint()),
				id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}),
				id2meta.WithHTTPClient(&http.Client{Transport: otelhttp.NewTransport(base)}))
			require.NoError(t, err)
			_, err = client.Verify(t.Context(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
			require.Error(t, err)
			assert.Len(t, server.Calls(), test.seen)
			assert.Equal(t, test.seen > 0, errors.Is(err, id2meta.ErrMaybeBilled), "%v", err)
		})
	}
}
