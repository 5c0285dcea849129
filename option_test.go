package id2meta_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestABadOptionIsAnErrorThatNamesIt(t *testing.T) {
	for _, test := range []struct {
		name   string
		opt    id2meta.Option
		option string // the error names it
		why    string // a part of the error
	}{
		{"a nil Option", nil, "New", "nil"},
		{"a nil credential", id2meta.WithCredential(nil), "WithCredential", "nil"},
		{"a nil function that wraps the transport", id2meta.WithTransportWrapper(nil), "WithTransportWrapper", "nil"},
		{"a function that wraps the transport in nothing", id2meta.WithTransportWrapper(func(http.RoundTripper) http.RoundTripper { return nil }), "WithTransportWrapper", "no RoundTripper"},
		{"a nil function that gives an access key", id2meta.WithAccessKeyFunc(nil), "WithAccessKeyFunc", "nil"},
		{"an access key without an ID", id2meta.WithAccessKey(id2meta.AccessKey{Secret: "s"}), "WithAccessKey", "ID"},
		{"an access key without a secret", id2meta.WithAccessKey(id2meta.AccessKey{ID: "i"}), "WithAccessKey", "secret"},
		{"an access key with a line feed in its secret", id2meta.WithAccessKey(id2meta.AccessKey{ID: "i", Secret: "a\nb"}), "WithAccessKey", "secret"},
		{"an access key with a line feed in its token", id2meta.WithAccessKey(id2meta.AccessKey{ID: "i", Secret: "a", SecurityToken: "a\nb"}), "WithAccessKey", "token"},
		{"no endpoint", id2meta.WithEndpoints(), "WithEndpoints", "no endpoint"},
		{"an empty slice of endpoints", id2meta.WithEndpoints([]string{}...), "WithEndpoints", "no endpoint"},
		{"a nil pool of certificates", id2meta.WithRootCAs(nil), "WithRootCAs", "nil"},
		{"a nil HTTP client", id2meta.WithHTTPClient(nil), "WithHTTPClient", "nil"},
		{"a timeout of zero", id2meta.WithTimeout(0), "WithTimeout", "not positive"},
		{"a negative timeout", id2meta.WithTimeout(-time.Second), "WithTimeout", "not positive"},
		{"no attempt", id2meta.WithMaxAttempts(0), "WithMaxAttempts", "fewer than one"},
		{"a negative number of attempts", id2meta.WithMaxAttempts(-1), "WithMaxAttempts", "fewer than one"},
		{"a nil limiter", id2meta.WithLimiter(nil), "WithLimiter", "nil"},
		{"a daily limit of zero", id2meta.WithDailyLimit(0), "WithDailyLimit", "at least 1"},
		{"a negative daily limit", id2meta.WithDailyLimit(-1), "WithDailyLimit", "at least 1"},
		{"a nil logger", id2meta.WithLogger(nil), "WithLogger", "nil"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, opts := range [][]id2meta.Option{
				{test.opt},
				{id2meta.WithMaxAttempts(2), test.opt, id2meta.WithTimeout(time.Second)},
			} {
				client, err := id2meta.New(opts...)
				require.Error(t, err)
				assert.Nil(t, client)
				assert.Contains(t, err.Error(), "id2meta: "+test.option+": ")
				assert.Contains(t, err.Error(), test.why)
			}
		})
	}
}

func TestWithEndpointsRefusesABadEndpoint(t *testing.T) {
	for why, endpoints := range map[string][]string{
		"it must be host or host:port": {
			"", " ", "cloudauth.aliyuncs.com ", "cloudauth.aliyuncs.com\r\nX-Evil: 1", "cloudauth\u3000aliyuncs.com",
			"https://cloudauth.aliyuncs.com", "http://cloudauth.aliyuncs.com", "https://", "https:cloudauth.aliyuncs.com",
			"cloudauth.aliyuncs.com/", "cloudauth.aliyuncs.com/v1", "//cloudauth.aliyuncs.com", "cloudauth.aliyuncs.com?a=b", "cloudauth.aliyuncs.com#a",
			"user@cloudauth.aliyuncs.com", "user:open-sesame@cloudauth.aliyuncs.com", "https://user:open-sesame@cloudauth.aliyuncs.com", "user:open-sesame/@cloudauth.aliyuncs.com",
			"cloudauth.aliyuncs.com,cloudauth.cn-shanghai.aliyuncs.com", "cloudauth.${region}.aliyuncs.com",
			":443", ":", "cloudauth.aliyuncs.com:", "cloudauth.aliyuncs.com:-443", "cloudauth.aliyuncs.com:+443", "cloudauth.aliyuncs.com:https",
			"cloudauth.aliyuncs.com:４４３", "cloudauth.aliyuncs.com:443:443",
			"2001:db8::1", "::1", "[2001:db8::1", "[::1:443", "2001:db8::1]:443", "[2001:db8::1]]:443", "[]:443", "[cloudauth.aliyuncs.com]",
			"[fe80::1%25eth0]:443", "[2001:db8::1]443", "[2001:db8::1]:",
			`cloudauth.aliyuncs.com\evil.example`, "cloudauth%2ealiyuncs.com", "云.example", "cloudauth\xff.example", "cloudauth\x00.example", "cloudauth\u200b.example",
			".aliyuncs.com", "cloudauth..aliyuncs.com", ".",
		},
		"its brackets do not hold an IPv6 address": {"[127.0.0.1]:443", "[:::]", "[1:2]:443"},
		"its port is not a number from 1 to 65535": {"cloudauth.aliyuncs.com:0", "cloudauth.aliyuncs.com:65536", "[::1]:99999999999999999999"},
		"Id2MetaVerifyIntl":                        {"cloudauth-intl.cn-hongkong.aliyuncs.com", "Cloudauth-Intl-VPC.cn-hongkong.aliyuncs.com.:443"},
	} {
		for _, endpoint := range endpoints {
			t.Run(fmt.Sprintf("%q", endpoint), func(t *testing.T) {
				client, err := id2meta.New(id2meta.WithEndpoints(id2meta.EndpointDefault, endpoint))
				require.Error(t, err)
				assert.Nil(t, client)
				assert.Contains(t, err.Error(), "id2meta: WithEndpoints: endpoint 2: ")
				assert.Contains(t, err.Error(), why)
				assert.NotContains(t, err.Error(), "open-sesame")
			})
		}
	}
}

func TestWithEndpointsTakesHostsAndPorts(t *testing.T) {
	for _, endpoint := range []string{
		id2meta.EndpointDefault, id2meta.EndpointDualStack,
		id2meta.EndpointShanghai, id2meta.EndpointShanghaiDualStack, id2meta.EndpointShanghaiVPC,
		id2meta.EndpointBeijing, id2meta.EndpointBeijingDualStack, id2meta.EndpointBeijingVPC,
		"cloudauth.aliyuncs.com:443", "CloudAuth.AliyunCS.com", "cloudauth.aliyuncs.com.", "localhost", "localhost:1", "localhost:65535",
		"id2meta_simulator:8443", "xn--fiqs8s.example", "127.0.0.1", "127.0.0.1:8443", "[::1]", "[::1]:8443", "[2001:DB8:0::1]:443", "[::ffff:127.0.0.1]:443",
	} {
		t.Run(endpoint, func(t *testing.T) {
			_, err := id2meta.New(id2meta.WithEndpoints(endpoint))
			require.NoError(t, err)
		})
	}
}

// hostsDialed calls Verify once without a network, and returns the addresses that the
// Client dialed.
func hostsDialed(t *testing.T, opts ...id2meta.Option) (hosts []string) {
	t.Helper()
	nowhere := &http.Client{Transport: &http.Transport{
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			hosts = append(hosts, address)
			return nil, errors.New("there is no network")
		},
	}}
	client, err := id2meta.New(append([]id2meta.Option{withSimulatorKey(), id2meta.WithHTTPClient(nowhere)}, opts...)...)
	require.NoError(t, err)
	_, err = client.Verify(t.Context(), zhangSan)
	require.ErrorIs(t, err, id2meta.ErrUnavailable)
	return hosts
}

func TestTheDefaultEndpointsAreGeneralShanghaiAndBeijing(t *testing.T) {
	assert.Equal(t, []string{
		"cloudauth.aliyuncs.com:443", "cloudauth.cn-shanghai.aliyuncs.com:443", "cloudauth.cn-beijing.aliyuncs.com:443",
	}, hostsDialed(t))
}

func TestTheLastOptionOfAKindCounts(t *testing.T) {
	assert.Equal(t, []string{"b.example:443", "c.example:1"}, hostsDialed(t,
		id2meta.WithEndpoints("a.example"), id2meta.WithEndpoints("b.example", "c.example:1"), id2meta.WithMaxAttempts(3), id2meta.WithMaxAttempts(2)))

	server := newServer(t)
	refuse, allow := &countingLimiter{err: io.EOF}, &countingLimiter{}
	broken := &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, io.EOF })}
	requireMatch(t, newClient(t, []string{server.Endpoint()}, id2meta.WithTimeout(1), id2meta.WithTimeout(time.Hour),
		id2meta.WithLimiter(refuse), id2meta.WithLimiter(allow), id2meta.WithHTTPClient(broken), id2meta.WithHTTPClient(server.Client())))
	assert.EqualValues(t, 1, allow.calls.Load())

	ways := map[string]func(key id2meta.AccessKey) id2meta.Option{
		"WithAccessKey": id2meta.WithAccessKey,
		"WithAccessKeyFunc": func(key id2meta.AccessKey) id2meta.Option {
			return id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) { return key, nil })
		},
		"WithCredential": func(key id2meta.AccessKey) id2meta.Option {
			credential, err := credentials.NewCredential(new(credentials.Config).SetType("access_key").SetAccessKeyId(key.ID).SetAccessKeySecret(key.Secret))
			require.NoError(t, err)
			return id2meta.WithCredential(credential)
		},
	}
	right := id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}
	wrong := id2meta.AccessKey{ID: "wrong", Secret: "wrong"}
	for first, one := range ways {
		for last, other := range ways {
			t.Run(first+" and "+last, func(t *testing.T) {
				requireMatch(t, newClient(t, []string{server.Endpoint()}, one(wrong), other(right)))
				_, err := newClient(t, []string{server.Endpoint()}, one(right), other(wrong)).Verify(t.Context(), zhangSan)
				assert.ErrorIs(t, err, id2meta.ErrCredential)
			})
		}
	}
}

func TestWithEndpointsCopiesItsSlice(t *testing.T) {
	hosts := []string{"a.example"}
	opt := id2meta.WithEndpoints(hosts...)
	hosts[0] = "evil.example"
	assert.Equal(t, []string{"a.example:443"}, hostsDialed(t, opt, id2meta.WithMaxAttempts(1)))
}

func TestWithHTTPClientDoesNotChangeTheClient(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header.Values("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		io.WriteString(w, verdict)
	}))
	defer server.Close()
	own := server.Client()
	own.Jar = jar{t}
	client := newClient(t, []string{server.Listener.Addr().String()}, id2meta.WithHTTPClient(own))
	for range 2 {
		requireMatch(t, client)
	}
	assert.Nil(t, own.CheckRedirect)
	assert.Equal(t, jar{t}, own.Jar)
}

func TestNewUsesNoNetworkAndNeedsNoCredential(t *testing.T) {
	credential := new(failingCredential)
	_, err := id2meta.New(id2meta.WithCredential(credential), id2meta.WithEndpoints("192.0.2.1", "does-not-exist.invalid"),
		id2meta.WithLimiter(limiterFunc(func(context.Context) error { t.Error("the limiter was used"); return nil })),
		id2meta.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			t.Error("the HTTP client was used")
			return nil, io.EOF
		})}))
	require.NoError(t, err)
	assert.Zero(t, credential.calls.Load(), "the credential was used")
	_, err = id2meta.New()
	require.NoError(t, err)
}

// jar fails the test if it is used.
type jar struct{ t *testing.T }

func (j jar) SetCookies(*url.URL, []*http.Cookie) { j.t.Error("a cookie was kept") }
func (j jar) Cookies(*url.URL) []*http.Cookie     { j.t.Error("a cookie was sent"); return nil }

func TestWithAccessKey(t *testing.T) {
	server := newServer(t)
	server.AddCredential("STS.id", "sts-secret", "sts-token")
	for _, test := range []struct {
		name string
		key  id2meta.AccessKey
	}{
		{"a permanent key", id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}},
		{"a key of STS", id2meta.AccessKey{ID: "STS.id", Secret: "sts-secret", SecurityToken: "sts-token"}},
		{"white space around its fields", id2meta.AccessKey{ID: " STS.id\n", Secret: "sts-secret\r\n", SecurityToken: "\tsts-token\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := newClient(t, []string{server.Endpoint()}, id2meta.WithAccessKey(test.key))
			requireMatch(t, client)
		})
	}
}

// Package credential has the tests of a function that fails, panics, or is slow.
func TestWithAccessKeyFuncAChangedKeyCountsAtTheNextCall(t *testing.T) {
	server := newServer(t)
	server.AddCredential("second", "second-secret", "")
	var current id2meta.AccessKey
	client := newClient(t, []string{server.Endpoint()}, id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) {
		return current, nil
	}))
	for range 3 {
		for _, key := range []id2meta.AccessKey{{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}, {ID: "second", Secret: "second-secret"}} {
			current = key
			requireMatch(t, client)
			calls := server.Calls()
			assert.Equal(t, key.ID, calls[len(calls)-1].AccessKeyID)
		}
	}
}

func TestAKeyBesideAnErrorOfItsFunctionIsNotUsed(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()}, id2meta.WithAccessKeyFunc(func(ctx context.Context) (id2meta.AccessKey, error) {
		_, ends := ctx.Deadline()
		assert.True(t, ends, "the function may wait for ever")
		return id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}, errors.New("vault answered with open-sesame")
	}))
	_, err := client.Verify(t.Context(), zhangSan)
	assert.ErrorIs(t, err, id2meta.ErrCredential)
	assert.NotContains(t, fmt.Sprintf("%+v", err), "open-sesame")
	assert.Empty(t, server.Calls())
}

func TestAnAccessKeyShowsNothing(t *testing.T) {
	key := id2meta.AccessKey{ID: "LTAI-open", Secret: "sesame", SecurityToken: "token-open"}
	type config struct{ Key id2meta.AccessKey }
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		fmt.Fprintf(&shown, verb+"\n", key)
		fmt.Fprintf(&shown, verb+"\n", &key)
		fmt.Fprintf(&shown, verb+"\n", config{key})
		fmt.Fprintf(&shown, verb+"\n", []id2meta.AccessKey{key})
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(handler).Info("key", "key", key, "pointer", &key, "config", config{key})
	}
	require.NoError(t, json.NewEncoder(&shown).Encode(config{key}))
	require.NoError(t, xml.NewEncoder(&shown).Encode(config{key}))
	for _, secret := range []string{"open", "sesame", "LTAI", "6f70656e", "736573616d65"} {
		assert.NotContains(t, shown.String(), secret)
	}
	assert.Contains(t, shown.String(), "***")

	t.Run("but a JSON decoder can fill it", func(t *testing.T) {
		var c config
		require.NoError(t, json.Unmarshal([]byte(`{"Key":{"ID":"i","Secret":"s","SecurityToken":"t"}}`), &c))
		assert.True(t, c.Key == id2meta.AccessKey{ID: "i", Secret: "s", SecurityToken: "t"})
	})
}

func TestWithRootCAs(t *testing.T) {
	server := newServer(t)
	trusting := x509.NewCertPool()
	require.True(t, trusting.AppendCertsFromPEM(server.CertificatePEM()))

	t.Run("the certificates of the pool are trusted", func(t *testing.T) {
		requireMatch(t, newClient(t, []string{server.Endpoint()}, id2meta.WithRootCAs(trusting)))
	})
	t.Run("those of the system are not", func(t *testing.T) {
		_, err := newClient(t, []string{server.Endpoint()}, id2meta.WithRootCAs(x509.NewCertPool()), id2meta.WithMaxAttempts(1)).Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
		assert.Equal(t, id2meta.RemedyOperator, id2meta.RemedyOf(err))
		assert.Empty(t, server.Calls()[1:], "nothing was sent")
	})
	t.Run("it goes with a wrapper", func(t *testing.T) {
		for pool, want := range map[*x509.CertPool]bool{trusting: true, x509.NewCertPool(): false} {
			client := newClient(t, []string{server.Endpoint()}, id2meta.WithRootCAs(pool), id2meta.WithMaxAttempts(1),
				id2meta.WithTransportWrapper(func(base http.RoundTripper) http.RoundTripper { return base }))
			_, err := client.Verify(t.Context(), zhangSan)
			assert.Equal(t, want, err == nil, "%v", err)
		}
	})
	t.Run("the pool is copied", func(t *testing.T) {
		pool := x509.NewCertPool()
		opt := id2meta.WithRootCAs(pool)
		require.True(t, pool.AppendCertsFromPEM(server.CertificatePEM()))
		_, err := newClient(t, []string{server.Endpoint()}, opt, id2meta.WithMaxAttempts(1)).Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, id2meta.ErrUnavailable)
	})
	t.Run("it excludes a client that is given", func(t *testing.T) {
		for _, opts := range [][]id2meta.Option{
			{id2meta.WithRootCAs(trusting), id2meta.WithHTTPClient(server.Client())},
			append([]id2meta.Option{id2meta.WithHTTPClient(server.Client())}, server.Options()...),
		} {
			_, err := id2meta.New(opts...)
			assert.ErrorContains(t, err, "id2meta: WithRootCAs: cannot be used together with WithHTTPClient")
		}
	})
}
