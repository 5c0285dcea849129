package id2meta_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// startSimulator stands for the service. In production leave it out: New without
// options takes the vendor's endpoints and the credential of the environment.
func startSimulator() *id2metatest.Server {
	simulator := id2metatest.NewServer()
	simulator.AddPerson("张三", "11010519491231002X")
	return simulator
}

// The first call. In production it is id2meta.New() and nothing else.
func Example() {
	simulator := startSimulator()
	defer simulator.Close()

	client, err := id2meta.New(simulator.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), id2meta.Param{
		UserName:    "张三",
		IdentifyNum: "11010519491231002X",
	})
	if err != nil {
		log.Fatal(err)
	}
	if result.Match() {
		fmt.Println("verified")
	}
	// Output: verified
}

// Name and number can be sent masked. See MD5Param for what that is worth.
func Example_md5() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(simulator.Options()...)
	if err != nil {
		log.Fatal(err)
	}

	param, err := id2meta.MD5Param("张三", "11010519491231002X")
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), param)
	fmt.Println(result.BizCode, err)
	// Output: match <nil>
}

// RemedyOf says who can do something about an error. Remedy.Chinese and
// ParamError.Chinese are sentences for the user.
func ExampleRemedyOf() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(append(simulator.Options(), id2meta.WithMaxAttempts(1))...)
	if err != nil {
		log.Fatal(err)
	}
	handle := func(err error) {
		remedy := id2meta.RemedyOf(err)
		switch remedy {
		case id2meta.RemedyNone:
			fmt.Println("there is a verdict")
		case id2meta.RemedyCorrectInput:
			if paramError, ok := errors.AsType[*id2meta.ParamError](err); ok {
				fmt.Println(paramError.Field, paramError.Chinese())
				return
			}
			fmt.Println(remedy.Chinese())
		case id2meta.RemedyTryLater, id2meta.RemedyNotThisPerson:
			fmt.Println(remedy.Chinese())
		default:
			fmt.Println(remedy.Chinese(), "(and alarm the operator)")
		}
	}

	zhang := id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}
	_, err = client.Verify(context.Background(), id2meta.Param{UserName: "张三"})
	handle(err)
	for _, fault := range []id2metatest.Fault{
		id2metatest.Throttle(2 * time.Second),
		id2metatest.Answer("411", "no permission"),
		id2metatest.Raw(200, `{"Code":"200"}`),
	} {
		simulator.Inject(fault)
		_, err = client.Verify(context.Background(), zhang)
		handle(err)
	}
	// Output:
	// IdentifyNum 请填写身份证号。
	// 系统繁忙，请稍后再试。
	// 核验服务暂时不可用，请联系客服。 (and alarm the operator)
	// 核验服务暂时不可用，请联系客服。 (and alarm the operator)
}

// What the service said: for the log, and for the vendor's support.
func ExampleAPIError() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(simulator.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	simulator.Inject(id2metatest.Throttle(time.Hour)) // longer than the call has time
	_, err = client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	if e, ok := errors.AsType[*id2meta.APIError](err); ok {
		fmt.Println(e.StatusCode, e.Code, e.RetryAfter, e.RequestID != "")
	}
	// Output: 400 Throttling.User 1h0m0s true
}

// ErrMaybeBilled tells that a call without a verdict may have been billed. To ask
// again may cost again.
func Example_maybeBilled() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(simulator.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	for _, fault := range []id2metatest.Fault{
		id2metatest.Answer("411", "no permission"),
		id2metatest.Drop(), // the connection breaks when the answer is due
	} {
		simulator.Inject(fault)
		_, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
		fmt.Println(errors.Is(err, id2meta.ErrMaybeBilled), simulator.Billed("张三", "11010519491231002X"))
	}
	// Output:
	// false 0
	// true 1
}

// An endpoint that gives no connection costs its first caller a moment, and
// nobody after that.
func ExampleWithEndpoints() {
	simulator := startSimulator()
	defer simulator.Close()

	client, err := id2meta.New(append(simulator.Options(),
		id2meta.WithEndpoints("127.0.0.1:1", simulator.Endpoint()), // nobody listens at the first
	)...)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.BizCode, err)
	// Output: match <nil>
}

// The account's 50 calls a second, for one process. For several processes use
// package redislimiter.
func ExampleWithLimiter() {
	simulator := startSimulator()
	defer simulator.Close()

	client, err := id2meta.New(append(simulator.Options(),
		id2meta.WithLimiter(rate.NewLimiter(45, 1)),
	)...)
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
		fmt.Println(result.BizCode, err)
	}
	// Output:
	// match <nil>
	// match <nil>
	// match <nil>
}

// A credential of STS that the program got by itself. Without WithCredential
// the provider chain looks for one.
func ExampleWithCredential() {
	simulator := startSimulator()
	defer simulator.Close()
	simulator.AddCredential("STS.sample", "sample-secret", "sample-token")

	credential, err := credentials.NewCredential(new(credentials.Config).
		SetType("sts").
		SetAccessKeyId("STS.sample").
		SetAccessKeySecret("sample-secret").
		SetSecurityToken("sample-token"))
	if err != nil {
		log.Fatal(err)
	}
	client, err := id2meta.New(append(simulator.Options(), id2meta.WithCredential(credential))...)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.BizCode, err)
	// Output: match <nil>
}

// The access key stands in the configuration of the program.
func ExampleWithAccessKey() {
	simulator := startSimulator()
	defer simulator.Close()
	var config struct{ AccessKey id2meta.AccessKey }
	file := `{"AccessKey": {"ID": "` + id2metatest.AccessKeyID + `", "Secret": "` + id2metatest.AccessKeySecret + `"}}`
	if err := json.Unmarshal([]byte(file), &config); err != nil {
		log.Fatal(err)
	}

	client, err := id2meta.New(append(simulator.Options(), id2meta.WithAccessKey(config.AccessKey))...)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.BizCode, err)
	fmt.Println(config) // shows no key
	// Output:
	// match <nil>
	// {***}
}

// The access key comes from a configuration centre and may change at any time. A
// watcher stores the key; the next call uses it.
func ExampleWithAccessKeyFunc() {
	simulator := startSimulator()
	defer simulator.Close()
	var current atomic.Pointer[id2meta.AccessKey]
	watch := func(key id2meta.AccessKey) { current.Store(&key) } // for Nacos, Apollo, Vault

	client, err := id2meta.New(append(simulator.Options(),
		id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) {
			if key := current.Load(); key != nil {
				return *key, nil
			}
			return id2meta.AccessKey{}, errors.New("the configuration centre has not answered yet")
		}))...)
	if err != nil {
		log.Fatal(err)
	}
	zhang := id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}
	_, err = client.Verify(context.Background(), zhang)
	fmt.Println(errors.Is(err, id2meta.ErrCredential))

	watch(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret})
	result, err := client.Verify(context.Background(), zhang)
	fmt.Println(result.BizCode, err)
	// Output:
	// true
	// match <nil>
}

// printing prints each request without the person.
type printing struct{ base http.RoundTripper }

func (p printing) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := p.base.RoundTrip(r)
	if err == nil {
		fmt.Println(r.Method, r.URL.Path, response.StatusCode)
	}
	return response, err
}

// A proxy that is not the one of the environment. The Transport needs these fields, because
// the zero values of net/http set no limits.
func ExampleWithHTTPClient() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(
		id2meta.WithEndpoints(simulator.Endpoint()),
		id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}),
		id2meta.WithHTTPClient(&http.Client{Transport: &http.Transport{
			Proxy:                  nil, // or http.ProxyURL(…)
			DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout:    3 * time.Second,
			IdleConnTimeout:        10 * time.Second, // shorter than the idle timeout of the server
			MaxIdleConnsPerHost:    128,              // the number of concurrent callers
			MaxResponseHeaderBytes: 64 << 10,
		}}),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseIdleConnections()
	result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.BizCode, err)
	// Output: match <nil>
}

// A proxy of a company ends TLS with certificates of the company's own authority. The
// Client trusts that authority beside the authorities of the system.
func ExampleWithRootCAs() {
	simulator := startSimulator()
	defer simulator.Close()
	companyCA := simulator.CertificatePEM() // in production from a file, by os.ReadFile

	pool, err := x509.SystemCertPool()
	if err != nil {
		log.Fatal(err)
	}
	if !pool.AppendCertsFromPEM(companyCA) {
		log.Fatal("the file holds no certificate")
	}
	client, err := id2meta.New(append(simulator.Options(), id2meta.WithRootCAs(pool))...)
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.BizCode, err)
	// Output: match <nil>
}

// A wrapper sees each request of the Client, on the Client's own connections. With
// OpenTelemetry the wrapper is
//
//	func(base http.RoundTripper) http.RoundTripper { return otelhttp.NewTransport(base) }
func ExampleWithTransportWrapper() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(
		id2meta.WithEndpoints(simulator.Endpoint()),
		id2meta.WithAccessKey(id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}),
		id2meta.WithTransportWrapper(func(base http.RoundTripper) http.RoundTripper { return printing{base} }),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseIdleConnections()
	result, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.BizCode, err)
	// Output:
	// POST / 200
	// match <nil>
}

// What you pay for, for a metric.
func ExampleClient_Stats() {
	simulator := startSimulator()
	defer simulator.Close()
	client, err := id2meta.New(simulator.Options()...)
	if err != nil {
		log.Fatal(err)
	}
	for _, number := range []string{"11010519491231002X", "440524188001010014"} {
		if _, err := client.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: number}); err != nil {
			log.Fatal(err)
		}
	}
	stats := client.Stats()
	fmt.Println(stats.Match, stats.NoRecord, stats.MaybeBilled)
	// Output: 1 1 0
}

// A function in the place of the Client, for a test without a network.
func ExampleVerifierFunc() {
	var verifier id2meta.Verifier = id2meta.VerifierFunc(func(_ context.Context, param id2meta.Param) (id2meta.Result, error) {
		if err := param.Validate(); err != nil {
			return id2meta.Result{}, err
		}
		return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
	})
	result, err := verifier.Verify(context.Background(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	fmt.Println(result.Match(), err)
	// Output: true <nil>
}
