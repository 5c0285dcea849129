package id2metatest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// The vendor's SDK for Go, used as its documentation shows: it sends the person
// in the query and signs with code that the Server does not share.
func TestVendorSDK(t *testing.T) {
	s := newServer(t)
	s.AddCredential("temporary", "its secret", "its token")
	for _, test := range []struct {
		name, id, secret, token string
	}{
		{"permanent access key", id2metatest.AccessKeyID, id2metatest.AccessKeySecret, ""},
		{"temporary access key", "temporary", "its secret", "its token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := newSDK(t, s, test.id, test.secret, test.token)
			// What an encoder could get wrong: a space, an asterisk, a tilde, a plus.
			for userName, want := range map[string]string{name: "1", "𠮷 *~+野": "2"} {
				res, err := client.Id2MetaVerify(new(cloudauth.Id2MetaVerifyRequest).
					SetParamType("normal").SetUserName(userName).SetIdentifyNum(number))
				require.NoError(t, err)
				assert.Equal(t, want, tea.StringValue(res.Body.ResultObject.BizCode), userName)
			}
			call := lastCall(t, s)
			assert.True(t, call.Params == "query" && call.STS == (test.token != "") && call.Signature == "ACS3-HMAC-SHA256", "recorded as %+v", call)

			_, err := newSDK(t, s, test.id, "wrong", test.token).Id2MetaVerify(new(cloudauth.Id2MetaVerifyRequest).SetParamType("normal"))
			var refused *tea.SDKError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, "SignatureDoesNotMatch", tea.StringValue(refused.Code))
			assert.Equal(t, 400, tea.IntValue(refused.StatusCode))
		})
	}
}

func newSDK(t *testing.T, s *id2metatest.Server, id, secret, token string) *cloudauth.Client {
	t.Helper()
	config := new(openapi.Config).SetEndpoint(s.Endpoint()).SetCa(string(s.CertificatePEM())).
		SetAccessKeyId(id).SetAccessKeySecret(secret)
	if token != "" {
		config.SetSecurityToken(token)
	}
	client, err := cloudauth.NewClient(config)
	require.NoError(t, err)
	return client
}

func TestAddPerson(t *testing.T) {
	s := newServer(t)
	s.AddPerson(" 李四 ", "１１０１０５１９４９１２３１００３８")
	assert.Equal(t, "1", ask{params: normal("李四", "110105194912310038")}.mustSend(t, s).bizCode, "a person added in full width")
	s.AddPerson("王五", number)
	assert.Equal(t, "2", ask{}.mustSend(t, s).bizCode, "the name was replaced")
	for _, bad := range [][2]string{{"", number}, {"张3", number}, {name, "110105194912310021"}, {number, name}} {
		message := panicMessage(func() { s.AddPerson(bad[0], bad[1]) })
		assert.Contains(t, message, "AddPerson")
		for _, value := range bad {
			assert.False(t, value != "" && strings.Contains(message, value), message)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	const callers, requests = 32, 8
	s := newServer(t)
	var failed atomic.Int64
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			id := fmt.Sprint("key ", i)
			s.AddCredential(id, "secret", "")
			s.Inject(id2metatest.Status(503, "ServiceUnavailable", ""))
			for range requests {
				s.AddPerson(name, number)
				ans, err := ask{id: id, secret: "secret"}.send(t, s)
				assert.NoError(t, err)
				if ans.status == 503 {
					failed.Add(1)
				}
				s.Calls()
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, callers, failed.Load(), "each fault is taken by one request")
	assert.Equal(t, callers*(requests-1), s.Billed(name, number))
}

func TestCloseReleasesWhatHangsAndIdleConnections(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := id2metatest.NewServer()
	ask{}.mustSend(t, s) // on a connection that is then idle
	s.Inject(id2metatest.Hang(), id2metatest.Delay(time.Hour), id2metatest.Hang())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			_, err := ask{}.send(t, s)
			assert.Error(t, err, "a request was answered")
		})
	}
	for len(s.Calls()) < 4 {
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	s.Close()
	s.Close() // does no harm
	assert.Less(t, time.Since(start), time.Second)
	wg.Wait()
}

func TestClientThatLeavesReleasesItsRequest(t *testing.T) {
	s := id2metatest.NewServer()
	defer s.Close()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s.Inject(id2metatest.Hang(), id2metatest.Delay(time.Hour))
	for range 2 {
		assert.ErrorIs(t, leaveOnArrival(t, s), context.Canceled)
	}
}

// leaveOnArrival sends a request and gives up some time after it has arrived.
func leaveOnArrival(t *testing.T, s *id2metatest.Server) error {
	t.Helper()
	arrived := len(s.Calls())
	ctx := testenv.EndWhen(t, context.Canceled, func() bool {
		if len(s.Calls()) == arrived {
			return false
		}
		time.Sleep(50 * time.Millisecond) // time enough for an answer
		return true
	})
	_, err := s.Client().Do(ask{}.request(t, s.Endpoint()).WithContext(ctx))
	return err
}

func TestServerListensOnAGivenAddress(t *testing.T) {
	s := newServer(t, id2metatest.WithAddress("127.0.0.1:0"))
	assert.Equal(t, "1", ask{}.mustSend(t, s).bizCode)
	message := panicMessage(func() { id2metatest.NewServer(id2metatest.WithAddress(s.Endpoint())) })
	assert.Contains(t, message, "WithAddress: listen tcp "+s.Endpoint(), "the address is taken")
}

func TestLatencyOfTheServer(t *testing.T) {
	s := newServer(t, id2metatest.WithLatency(50*time.Millisecond, 60*time.Millisecond))
	started := time.Now()
	assert.Equal(t, "1", ask{}.mustSend(t, s).bizCode)
	assert.GreaterOrEqual(t, time.Since(started), 50*time.Millisecond)
}
