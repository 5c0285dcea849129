package id2metatest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAllServersOfAProcessHaveOneCertificate(t *testing.T) {
	a, b := newServer(t), newServer(t)
	assert.Equal(t, a.CertificatePEM(), b.CertificatePEM())
	assert.NotEqual(t, a.Endpoint(), b.Endpoint())
	res, err := a.Client().Do(ask{}.request(t, b.Endpoint()))
	require.NoError(t, err)
	res.Body.Close()
	_, err = http.DefaultClient.Do(ask{}.request(t, a.Endpoint()))
	assert.Error(t, err, "a client trusts the certificate without being told to")
}

// Everybody has the key of the certificate that net/http/httptest serves by default.
func TestClientTrustsTheServerAlone(t *testing.T) {
	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.ErrorLog = quiet
	other.StartTLS()
	defer other.Close()
	client := newServer(t).Client()
	_, err := client.Get(other.URL)
	assert.Error(t, err)
	assert.GreaterOrEqual(t, client.Transport.(*http.Transport).MaxIdleConnsPerHost, 100)
}
