package id2meta_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestRemedyOf(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want id2meta.Remedy
	}{
		{"no error", nil, id2meta.RemedyNone},
		{"an invalid number", &id2meta.ParamError{Field: "IdentifyNum"}, id2meta.RemedyCorrectInput},
		{"an unknown ParamType", id2meta.Param{ParamType: "sm9"}.Validate(), id2meta.RemedyReport},
		{"a masked person as plaintext", id2meta.Param{UserName: maskedZhangName}.Validate(), id2meta.RemedyReport},
		{"plaintext as a masked person", id2meta.Param{ParamType: id2meta.ParamTypeMD5, UserName: zhangName}.Validate(), id2meta.RemedyReport},
		{"plaintext as an encrypted person", id2meta.Param{ParamType: id2meta.ParamTypeSM2, UserName: zhangName}.Validate(), id2meta.RemedyReport},
		{"an illegal parameter", &id2meta.APIError{StatusCode: 200, Code: "401"}, id2meta.RemedyCorrectInput},
		{"throttling", &id2meta.APIError{StatusCode: 400, Code: "Throttling.User"}, id2meta.RemedyTryLater},
		{"an unavailable source", &id2meta.APIError{StatusCode: 200, Code: "402", Message: "权威源服务异常"}, id2meta.RemedyTryLater},
		{"a security policy", &id2meta.APIError{StatusCode: 200, Code: "402", Message: "Security policy restriction"}, id2meta.RemedyOperator},
		{"no permission", &id2meta.APIError{StatusCode: 200, Code: "402", Message: "No permission to call."}, id2meta.RemedyOperator},
		{"a repeated call", &id2meta.APIError{StatusCode: 200, Code: "403"}, id2meta.RemedyNotThisPerson},
		{"a service that is not activated", &id2meta.APIError{StatusCode: 200, Code: "410"}, id2meta.RemedyOperator},
		{"an overdue payment", &id2meta.APIError{StatusCode: 200, Code: "412"}, id2meta.RemedyOperator},
		{"a wrong clock", &id2meta.APIError{StatusCode: 400, Code: "IllegalTimestamp"}, id2meta.RemedyOperator},
		{"a system error", &id2meta.APIError{StatusCode: 200, Code: "500"}, id2meta.RemedyTryLater},
		{"a proxy without an answer", &id2meta.APIError{StatusCode: 502}, id2meta.RemedyTryLater},
		{"a login page", &id2meta.APIError{StatusCode: 302}, id2meta.RemedyOperator},
		{"a proxy that wants a password", &id2meta.APIError{StatusCode: 407}, id2meta.RemedyOperator},
		{"an earlier error behind the last one", fmt.Errorf("%w (after 1 attempt: %w)", &id2meta.APIError{StatusCode: 502}, &id2meta.APIError{StatusCode: 200, Code: "411"}), id2meta.RemedyTryLater},
		{"an unknown verdict", &id2meta.APIError{StatusCode: 200, Code: "200"}, id2meta.RemedyReport},
		{"the zero APIError", &id2meta.APIError{}, id2meta.RemedyReport},
		{"a caller who left", context.Canceled, id2meta.RemedyTryLater},
		{"a deadline", context.DeadlineExceeded, id2meta.RemedyTryLater},
		{"a deadline that may be billed", errors.Join(context.DeadlineExceeded, id2meta.ErrMaybeBilled), id2meta.RemedyTryLater},
		{"an error that is not of this library", io.EOF, id2meta.RemedyReport},

		// Mocks and other Verifiers may return a sentinel itself.
		{"ErrInvalidParam", id2meta.ErrInvalidParam, id2meta.RemedyCorrectInput},
		{"ErrThrottled", id2meta.ErrThrottled, id2meta.RemedyTryLater},
		{"ErrSourceUnavailable", id2meta.ErrSourceUnavailable, id2meta.RemedyTryLater},
		{"ErrRepeatedCall", id2meta.ErrRepeatedCall, id2meta.RemedyNotThisPerson},
		{"ErrNotActivated", id2meta.ErrNotActivated, id2meta.RemedyOperator},
		{"ErrAccessDenied", id2meta.ErrAccessDenied, id2meta.RemedyOperator},
		{"ErrOverdue", id2meta.ErrOverdue, id2meta.RemedyOperator},
		{"ErrCredential", id2meta.ErrCredential, id2meta.RemedyOperator},
		{"ErrUnavailable", id2meta.ErrUnavailable, id2meta.RemedyTryLater},
		{"ErrUnexpectedResponse", id2meta.ErrUnexpectedResponse, id2meta.RemedyReport},
	} {
		t.Run(test.name, func(t *testing.T) {
			assert.Equal(t, test.want, id2meta.RemedyOf(test.err))
			if test.err != nil {
				assert.Equal(t, test.want, id2meta.RemedyOf(fmt.Errorf("paying out: %w", test.err)), "wrapped")
			}
		})
	}
}

func TestTheRemedyOfWhatVerifyReturns(t *testing.T) {
	t.Parallel()
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0) // the client hangs up
	stranger.StartTLS()
	t.Cleanup(stranger.Close)
	for _, test := range []struct {
		name   string
		faults []id2metatest.Fault
		opts   []id2meta.Option
		want   id2meta.Remedy
		is     error
		ctx    func(*testing.T, *id2metatest.Server) context.Context // default: the test's
	}{
		{"an untrusted certificate", nil, []id2meta.Option{id2meta.WithEndpoints(stranger.Listener.Addr().String())}, id2meta.RemedyOperator, id2meta.ErrUnavailable, nil},
		{"no connection", nil, []id2meta.Option{id2meta.WithEndpoints(refusing(t).endpoint)}, id2meta.RemedyTryLater, id2meta.ErrUnavailable, nil},
		{"a security policy", []id2metatest.Fault{id2metatest.Answer("402", "安全策略限制")}, nil, id2meta.RemedyOperator, id2meta.ErrSourceUnavailable, nil},
		{"a dropped connection", []id2metatest.Fault{id2metatest.Drop()}, nil, id2meta.RemedyTryLater, id2meta.ErrUnavailable, nil},
		{"a truncated answer", []id2metatest.Fault{id2metatest.Truncate()}, nil, id2meta.RemedyTryLater, id2meta.ErrUnavailable, nil},
		{"a silent server", []id2metatest.Fault{id2metatest.Hang()}, nil, id2meta.RemedyTryLater, context.DeadlineExceeded, whenRequested(context.DeadlineExceeded)},
		{"a limiter that refuses", nil, []id2meta.Option{id2meta.WithLimiter(&countingLimiter{err: io.EOF})}, id2meta.RemedyTryLater, id2meta.ErrThrottled, nil},
		{"no credential", nil, []id2meta.Option{id2meta.WithCredential(&failingCredential{err: io.EOF})}, id2meta.RemedyOperator, id2meta.ErrCredential, nil},
		{"a credential that the service refuses", []id2metatest.Fault{id2metatest.Status(400, "InvalidSecurityToken.Expired", "")}, nil, id2meta.RemedyOperator, id2meta.ErrCredential, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			server.Inject(test.faults...)
			ctx := t.Context()
			if test.ctx != nil {
				ctx = test.ctx(t, server)
			}
			_, err := newClient(t, []string{server.Endpoint()}, test.opts...).Verify(ctx, zhangSan)
			require.ErrorIs(t, err, test.is)
			assert.Equal(t, test.want, id2meta.RemedyOf(err), err)
		})
	}
}

func TestEachRemedyHasEnglishAndChineseWords(t *testing.T) {
	seen := map[string]bool{}
	for r := id2meta.RemedyNone; r <= id2meta.RemedyReport; r++ {
		assert.False(t, seen[r.String()], r)
		seen[r.String()] = true
		if r == id2meta.RemedyNone {
			assert.Empty(t, r.Chinese())
			continue
		}
		assert.True(t, strings.HasSuffix(r.Chinese(), "。"), r)
		assert.False(t, strings.ContainsFunc(r.Chinese(), func(c rune) bool { return unicode.Is(unicode.Latin, c) }), r)
	}
	assert.Equal(t, id2meta.RemedyReport.String(), id2meta.Remedy(99).String(), "an unknown Remedy says that the error must be reported")
}

// selfSigned returns a certificate for 127.0.0.1 that no client trusts.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
