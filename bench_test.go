package id2meta_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// The benchmarks compare three ways to send the same request to the same server:
//
//   - raw: the vendor's SDK, used as in the vendor's sample
//   - floor: net/http, with no more than the service needs
//   - id2meta: this library, which also reports its ratios to the other two

// verify verifies 张三 once.
type verify func() error

var errNoMatch = errors.New("no match")

// rawSDK calls the generated method of the SDK. All callers share one client.
func rawSDK(b *testing.B, endpoint string, client dara.HttpClient) verify {
	sdk, err := cloudauth.NewClient(&openapi.Config{
		Endpoint:        dara.String(endpoint),
		AccessKeyId:     dara.String(id2metatest.AccessKeyID),
		AccessKeySecret: dara.String(id2metatest.AccessKeySecret),
		HttpClient:      client,
	})
	require.NoError(b, err)
	return func() error {
		response, err := sdk.Id2MetaVerifyWithOptions(&cloudauth.Id2MetaVerifyRequest{
			ParamType:   dara.String("normal"),
			UserName:    dara.String(zhangName),
			IdentifyNum: dara.String(zhangNumber),
		}, &dara.RuntimeOptions{})
		if err != nil {
			return err
		}
		if dara.StringValue(response.Body.ResultObject.BizCode) != "1" {
			return errNoMatch
		}
		return nil
	}
}

func library(b *testing.B, endpoint string, opts ...id2meta.Option) verify {
	client := newClient(b, []string{endpoint}, opts...)
	return func() error {
		result, err := client.Verify(context.Background(), zhangSan)
		if err == nil && !result.Match() {
			return errNoMatch
		}
		return err
	}
}

// floor signs and sends the form with the standard library alone. It has nothing of what
// makes a client safe.
func floor(endpoint string, client *http.Client) verify {
	return func() error {
		form := url.Values{"ParamType": {"normal"}, "UserName": {zhangName}, "IdentifyNum": {zhangNumber}}.Encode()
		request, err := http.NewRequest(http.MethodPost, "https://"+endpoint+"/", strings.NewReader(form))
		if err != nil {
			return err
		}
		var nonce [16]byte
		rand.Read(nonce[:])
		hash := sha256.Sum256([]byte(form))
		signed := [][2]string{
			{"content-type", "application/x-www-form-urlencoded"},
			{"host", endpoint},
			{"x-acs-action", "Id2MetaVerify"},
			{"x-acs-content-sha256", hex.EncodeToString(hash[:])},
			{"x-acs-date", time.Now().UTC().Format(time.RFC3339)},
			{"x-acs-signature-nonce", hex.EncodeToString(nonce[:])},
			{"x-acs-version", "2019-03-07"},
		}
		var canonical strings.Builder
		var names []string
		canonical.WriteString("POST\n/\n\n")
		for _, header := range signed {
			canonical.WriteString(header[0] + ":" + header[1] + "\n")
			names = append(names, header[0])
			request.Header.Set(header[0], header[1])
		}
		list := strings.Join(names, ";")
		canonical.WriteString("\n" + list + "\n" + signed[3][1])
		digest := sha256.Sum256([]byte(canonical.String()))
		mac := hmac.New(sha256.New, []byte(id2metatest.AccessKeySecret))
		mac.Write([]byte("ACS3-HMAC-SHA256\n" + hex.EncodeToString(digest[:])))
		request.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+id2metatest.AccessKeyID+
			",SignedHeaders="+list+",Signature="+hex.EncodeToString(mac.Sum(nil)))
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		var answer struct {
			Code         string
			ResultObject struct{ BizCode string }
		}
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			return err
		}
		io.Copy(io.Discard, response.Body)
		if answer.Code != "200" || answer.ResultObject.BizCode != "1" {
			return errNoMatch
		}
		return nil
	}
}

// contenders returns the three ways over the network. Each has its own connections. The
// pool of the floor is as large as the pool of the library.
func contenders(b *testing.B, endpoint string) []contender {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 128
	transport.ForceAttemptHTTP2 = false
	b.Cleanup(transport.CloseIdleConnections)
	return []contender{
		{"raw", rawSDK(b, endpoint, nil)},
		{"floor", floor(endpoint, &http.Client{Transport: transport})},
		{"id2meta", library(b, endpoint)},
	}
}

type contender struct {
	name   string
	verify verify
}

// compare runs each contender with a number of callers, and reports
//
//   - conns/op: connections opened for each call, after a warm-up
//   - p50-ns: the median of the time that one call takes
//   - x-raw, x-floor: calls a second, divided by the calls a second of raw and of the floor
//   - p50/floor: the median, divided by the median of the floor
func compare(b *testing.B, callers int, conns *atomic.Int64, contenders []contender) {
	perCall, median := map[string]float64{}, map[string]float64{}
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			run(b, callers, callers*4, c.verify) // warm-up
			before := conns.Load()
			b.ResetTimer()
			times := run(b, callers, b.N, c.verify)
			b.StopTimer()
			slices.Sort(times)
			perCall[c.name] = float64(b.Elapsed()) / float64(b.N)
			median[c.name] = float64(times[len(times)/2])
			b.ReportMetric(float64(conns.Load()-before)/float64(b.N), "conns/op")
			b.ReportMetric(median[c.name], "p50-ns")
			if c.name != "id2meta" {
				return
			}
			for _, other := range []string{"raw", "floor"} {
				if perCall[other] > 0 {
					b.ReportMetric(perCall[other]/perCall[c.name], "x-"+other)
				}
			}
			if median["floor"] > 0 {
				b.ReportMetric(median[c.name]/median["floor"], "p50/floor")
			}
		})
	}
}

// run makes n calls with a number of callers and returns how long each took.
func run(b *testing.B, callers, n int, verify verify) []time.Duration {
	times := make([]time.Duration, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				started := time.Now()
				if err := verify(); err != nil {
					b.Error(err)
					return
				}
				times[i] = time.Since(started)
			}
		})
	}
	wg.Wait()
	return times
}

// One caller, a server that answers at once.
func BenchmarkVerify(b *testing.B) {
	server := newBenchServer(b, 0)
	compare(b, 1, &server.conns, contenders(b, server.endpoint))
}

// 64 callers, a server that takes 2 ms.
func BenchmarkVerify64Callers(b *testing.B) {
	server := newBenchServer(b, 2*time.Millisecond)
	compare(b, 64, &server.conns, contenders(b, server.endpoint))
}

// One caller, a server that takes 20 ms, as a server in another city does.
func BenchmarkVerify20ms(b *testing.B) {
	server := newBenchServer(b, 20*time.Millisecond)
	compare(b, 1, &server.conns, contenders(b, server.endpoint))
}

// A Client with a silent first endpoint, and a Client with a healthy endpoint alone. After
// the first call, both should cost the same. They take turns, so that other work of the
// machine slows both down.
func BenchmarkVerifyDeadPrimary(b *testing.B) {
	server := newBenchServer(b, 0)
	healthy := library(b, server.endpoint)
	client := newClient(b, []string{mute(b).endpoint, server.endpoint})
	dead := func() error {
		_, err := client.Verify(context.Background(), zhangSan)
		return err
	}
	for range 10 { // the first call finds that the first endpoint is dead
		require.NoError(b, healthy())
		require.NoError(b, dead())
	}
	var times [2][]time.Duration
	for b.Loop() {
		for i, verify := range []verify{healthy, dead} {
			started := time.Now()
			if err := verify(); err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], time.Since(started))
		}
	}
	slices.Sort(times[0])
	slices.Sort(times[1])
	middle := len(times[0]) / 2
	b.ReportMetric(float64(times[1][middle]), "p50-ns")
	b.ReportMetric(float64(times[1][middle])/float64(times[0][middle]), "time/healthy")
}

// memory answers every request without a network, so that only the work of the client is
// measured. It is also an HTTP client for the SDK.
type memory struct {
	client *http.Client
	answer string
}

func newMemory(answer string) memory {
	m := memory{new(http.Client), answer}
	transport := new(http.Transport) // as most programs have it
	transport.RegisterProtocol("https", m)
	m.client.Transport = transport
	return m
}

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return &http.Response{
		StatusCode:    http.StatusOK,
		Status:        "200 OK",
		Header:        http.Header{"Content-Type": {"application/json;charset=utf-8"}},
		Body:          io.NopCloser(strings.NewReader(m.answer)),
		ContentLength: int64(len(m.answer)),
		Request:       r,
	}, nil
}

func (m memory) Call(r *http.Request, _ *http.Transport) (*http.Response, error) {
	return m.client.Do(r)
}

// The work of the client alone.
func BenchmarkVerifyCPU(b *testing.B) {
	const endpoint = "127.0.0.1:1" // nothing is sent
	m := newMemory(verdict)
	perCall, allocs := map[string]float64{}, map[string]float64{}
	for _, c := range []contender{
		{"raw", rawSDK(b, endpoint, m)},
		{"floor", floor(endpoint, m.client)},
		{"id2meta", library(b, endpoint, id2meta.WithHTTPClient(m.client))},
	} {
		b.Run(c.name, func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.verify(); err != nil {
					b.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			perCall[c.name] = float64(b.Elapsed()) / float64(b.N)
			allocs[c.name] = float64(after.Mallocs-before.Mallocs) / float64(b.N)
			if c.name == "id2meta" && perCall["raw"] > 0 {
				b.ReportMetric(perCall[c.name]/perCall["raw"], "time/raw")
				b.ReportMetric(allocs[c.name]/allocs["raw"], "allocs/raw")
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := id2meta.New(); err != nil {
			b.Fatal(err)
		}
	}
}

// The memory of an idle Client without connections.
func BenchmarkIdleClientMemory(b *testing.B) {
	const clients = 100
	server := newBenchServer(b, 0)
	for b.Loop() {
		kept := make([]*id2meta.Client, clients)
		before := heapInUse()
		for i := range kept {
			kept[i] = newClient(b, []string{server.endpoint})
			_, err := kept[i].Verify(context.Background(), zhangSan)
			require.NoError(b, err)
			kept[i].CloseIdleConnections()
		}
		b.ReportMetric(float64(heapInUse()-before)/clients, "B/client")
		runtime.KeepAlive(kept)
	}
}

// heapInUse returns the bytes that are in use when the goroutines of closed connections
// have ended.
func heapInUse() int64 {
	time.Sleep(100 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

var rushTime = flag.Duration("rush", 5*time.Second, "how long the rush of BenchmarkRush is measured")

// Twice as many calls as the account is allowed. The first seconds, in which the queue
// of the limiter grows, are not measured.
//
//   - goodput: verdicts, divided by the requests that the limiter allows
//   - %unverified: the share of the billed requests that gave no verdict
func BenchmarkRush(b *testing.B) {
	const (
		perSecond = 47
		timeout   = 3 * time.Second
		growing   = 2 * timeout
	)
	for _, answerAfter := range []time.Duration{200 * time.Millisecond, 1200 * time.Millisecond} {
		b.Run("answer after "+answerAfter.String(), func(b *testing.B) {
			server := newBenchServer(b, answerAfter)
			client := newClient(b, []string{server.endpoint}, id2meta.WithTimeout(timeout),
				id2meta.WithLimiter(rate.NewLimiter(perSecond, 4)))
			for b.Loop() {
				var verdicts, unverified atomic.Int64
				var calls sync.WaitGroup
				start := time.Now()
				ticker := time.NewTicker(time.Second / (2 * perSecond))
				for time.Since(start) < growing+*rushTime {
					<-ticker.C
					calls.Go(func() {
						_, err := client.Verify(b.Context(), zhangSan)
						switch since := time.Since(start); {
						case errors.Is(err, id2meta.ErrMaybeBilled):
							unverified.Add(1)
						case err != nil && !errors.Is(err, id2meta.ErrThrottled):
							b.Error(err)
						case err == nil && since >= growing && since < growing+*rushTime:
							verdicts.Add(1)
						}
					})
				}
				ticker.Stop()
				calls.Wait()
				b.ReportMetric(float64(verdicts.Load())/(perSecond*rushTime.Seconds()), "goodput")
				b.ReportMetric(100*float64(unverified.Load())/float64(client.Stats().Sent), "%unverified")
			}
		})
	}
}
