package id2meta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/aliyun/credentials-go/credentials"
)

const (
	// version is what the User-Agent says of this library.
	version = "0.1.0"
	// maxBody is far more than the few hundred bytes of an answer.
	maxBody = 1 << 20
	// fairTime is what a healthy endpoint at the other end of the country may
	// need for a connection.
	fairTime = 100 * time.Millisecond
)

// sender sends requests through the vendor's SDK. It is safe for concurrent
// use, which the SDK's client is not: each request gets a copy of it.
type sender struct {
	sdk     cloudauth.Client
	params  *openapi.Params
	headers map[string]*string
	runtime *dara.RuntimeOptions
	http    *http.Client
}

func newSender(client *http.Client) (*sender, error) {
	own := *client
	// A redirect would take the person and the signature to another host.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Jar = nil
	sdk, err := cloudauth.NewClient(&openapi.Config{
		Endpoint:  dara.String(EndpointDefault),
		Protocol:  dara.String("HTTPS"),
		UserAgent: dara.String("id2meta/" + version),
	})
	if err != nil {
		return nil, fmt.Errorf("id2meta: the SDK's client cannot be made: %w", err)
	}
	sdk.DisableSDKError = dara.Bool(true)
	return &sender{
		sdk: *sdk,
		params: &openapi.Params{
			Action:   dara.String("Id2MetaVerify"),
			Version:  dara.String("2019-03-07"),
			Protocol: dara.String("HTTPS"),
			Pathname: dara.String("/"),
			Method:   dara.String("POST"),
			AuthType: dara.String("AK"),
			Style:    dara.String("RPC"),
			// The SDK is to leave the body alone, both ways: form makes the one,
			// and exchange reads the other.
			ReqBodyType: dara.String("byte"),
			BodyType:    dara.String("binary"),
		},
		headers: map[string]*string{"content-type": dara.String("application/x-www-form-urlencoded")},
		runtime: &dara.RuntimeOptions{},
		http:    &own,
	}, nil
}

// request is what one attempt sends, and how long it may take.
type request struct {
	host       string
	param      Param
	credential *credentials.CredentialModel
	connect    time.Duration // to get a connection
	answer     time.Duration // for everything; 0: as long as the context lets it
}

// exchange is one request on its way: the HTTP client that the SDK is given for
// it, the trace of how far it came, and what came back.
type exchange struct {
	client  *http.Client
	reached atomic.Int32 // how far it came: one of the following

	status  int
	header  http.Header
	body    []byte
	tooLong bool  // the answer is longer than maxBody
	err     error // there is no whole answer
}

// How far an exchange came, as its transport tells.
const (
	untraced   = iota // the transport tells nothing
	connecting        // it wants a connection
	givenUp           // it wanted one for too long
	stale             // it took one that was closed, on which nothing can be sent
	connected         // it has one, so something may be sent
)

// Why an attempt was given up although the caller still waits.
var (
	errNoConnection = errors.New("no connection in the time allowed for it")
	errNoAnswer     = errors.New("no answer in the time allowed for one attempt")
)

// send makes one request and reads the answer to its end.
func (s *sender) send(ctx context.Context, r request) *exchange {
	x := &exchange{client: s.http}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if r.answer > 0 {
		timer := time.AfterFunc(r.answer, func() { cancel(errNoAnswer) })
		defer timer.Stop()
	}
	budget := time.AfterFunc(math.MaxInt64, func() {
		if x.reached.CompareAndSwap(connecting, givenUp) {
			cancel(errNoConnection)
		}
	})
	defer budget.Stop()
	started := time.Now()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// The transport asks again for a connection if the one it had turns out
		// to be closed before anything was written to it.
		GetConn: func(string) {
			x.reached.Store(connecting)
			budget.Reset(r.connect - time.Since(started))
		},
		GotConn: func(info httptrace.GotConnInfo) {
			budget.Stop()
			reached := int32(connected)
			if info.Reused && closeStale(info.Conn) {
				reached = stale
			}
			if x.reached.CompareAndSwap(connecting, reached) {
				return
			}
			// The budget ran out a moment before, or the transport did not say that
			// it wants a connection.
			if x.reached.Load() != givenUp || !closeOwn(info.Conn) {
				x.reached.Store(connected)
			}
		},
	})
	ctx = context.WithValue(ctx, attemptContext{}, ctx)

	sdk := s.sdk
	sdk.Endpoint = &r.host
	// Keeps the SDK from reading the proxy of the environment, whose password
	// it would send on to the service. The transport reads it by itself.
	sdk.NoProxy = &r.host
	sdk.HttpClient = x
	sdk.Credential = fixedCredential{r.credential}
	body := form(cloudauth.Id2MetaVerifyRequest{
		ParamType:   (*string)(&r.param.ParamType),
		UserName:    &r.param.UserName,
		IdentifyNum: &r.param.IdentifyNum,
	})
	_, err := sdk.CallApiWithCtx(ctx, s.params, &openapi.OpenApiRequest{Headers: s.headers, Body: body}, s.runtime)

	if err != nil && x.err == nil && x.status == 0 {
		x.err = err // the SDK failed before it came to the HTTP client
		x.reached.Store(connecting)
	}
	if cause := context.Cause(ctx); x.err != nil && (cause == errNoConnection || cause == errNoAnswer) {
		x.err = cause
	}
	return x
}

// form encodes the request as the SDK would, which takes three JSON documents
// to do it.
func form(r cloudauth.Id2MetaVerifyRequest) string {
	return "IdentifyNum=" + url.QueryEscape(*r.IdentifyNum) +
		"&ParamType=" + url.QueryEscape(*r.ParamType) +
		"&UserName=" + url.QueryEscape(*r.UserName)
}

// Call is what the SDK calls to send its request. It reads the answer here,
// once and with a bound, and gives the SDK an empty one.
func (x *exchange) Call(r *http.Request, _ *http.Transport) (*http.Response, error) {
	response, err := x.do(r)
	if err != nil {
		x.err = err
		return nil, err
	}
	defer response.Body.Close()
	x.status, x.header = response.StatusCode, response.Header
	x.body, x.err = io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	x.tooLong = len(x.body) > maxBody
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// do sends r. A connection that was closed before anything could be sent on it
// is gone from the pool afterwards, so the next try gets another.
func (x *exchange) do(r *http.Request) (*http.Response, error) {
	for {
		response, err := x.client.Do(r)
		if err == nil || x.reached.Load() != stale || r.Context().Err() != nil {
			return response, err
		}
		body, bodyErr := r.GetBody()
		if bodyErr != nil {
			return nil, err
		}
		r.Body = body
	}
}

// sent reports whether the service may have seen the request. A transport that
// tells nothing is taken to have sent it.
func (x *exchange) sent() bool {
	reached := x.reached.Load()
	return reached == untraced || reached == connected
}

// closeOwn closes a connection, so that nothing can be sent on it, and reports
// whether it did.
func closeOwn(conn net.Conn) bool {
	socket, own := ownSocket(conn)
	if own {
		socket.Close() // TLS would say goodbye first, and wait
	}
	return own
}

// noFault reports whether it says nothing about the endpoint that there is no
// connection: the caller left, or left it hardly any time.
func (x *exchange) noFault(ctx context.Context, took time.Duration) bool {
	timedOut := x.err == errNoConnection || ended(ctx) != nil
	return ctx.Err() == context.Canceled || timedOut && took < fairTime
}

// decode returns the answer, or an empty one if there is none that can be
// understood.
func (x *exchange) decode() (answer, error) {
	if x.tooLong {
		return answer{}, errNotAnAnswer
	}
	return decodeAnswer(x.body)
}

// apiError returns the answer as an error.
func (x *exchange) apiError(host string, a answer, hide *redactor) *APIError {
	e := &APIError{
		Endpoint:   host,
		StatusCode: x.status,
		Code:       hide.text(dara.StringValue(a.Code)),
		Message:    hide.text(dara.StringValue(a.Message)),
		RequestID:  hide.requestID(dara.StringValue(a.RequestId)),
		Recommend:  hide.text(dara.StringValue(a.recommend)),
	}
	if e.Message == "" {
		e.Message = "the answer cannot be understood"
	}
	if e.sentinel() == ErrThrottled {
		e.RetryAfter = retryAfter(x.header)
	}
	return e
}

// retryAfter returns how long a throttled answer says to wait, or 0: the longer
// of the vendor's x-ratelimit-user-api and x-ratelimit-user, which hold
// Limit:1,Remain:0,TimeLeft:2000,Reset:1234 with TimeLeft in milliseconds, and
// of the standard Retry-After in seconds.
func retryAfter(header http.Header) time.Duration {
	var longest time.Duration
	for _, name := range []string{"X-Ratelimit-User-Api", "X-Ratelimit-User"} {
		for field := range strings.SplitSeq(header.Get(name), ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(field), ":")
			if key == "TimeLeft" {
				longest = max(longest, duration(value, time.Millisecond))
			}
		}
	}
	value := header.Get("Retry-After")
	if at, err := http.ParseTime(value); err == nil {
		return max(longest, time.Until(at))
	}
	return max(longest, duration(value, time.Second))
}

// duration returns 0 for what is not a number of units, and the longest duration
// for more than fit into one.
func duration(number string, unit time.Duration) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && n > uint64(math.MaxInt64/unit):
		return math.MaxInt64
	case err != nil:
		return 0
	}
	return time.Duration(n) * unit
}
