package systemtest

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
)

// person returns the i-th of 3,000 people who differ in birth date and name. Their numbers
// are derived from the sample number of GB 11643.
func person(i int) id2meta.Param {
	day := time.Date(1949, 12, 31, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i)
	return id2meta.Param{
		UserName:    "张" + string(rune('一'+i%2000)),
		IdentifyNum: testenv.IDNumber(day),
	}
}

// Many callers meet every fault of the simulator.
func TestChaos(t *testing.T) {
	const (
		calls   = 2000
		callers = 100
		hangs   = 10 // each costs a caller the whole timeout
		timeout = time.Second
		late    = 10 * time.Second // on a busy machine
	)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	before := goleak.IgnoreCurrent()

	server := id2metatest.NewServer()
	relay := testenv.Relay(t, server.Endpoint(), 0) // the same server at a second endpoint
	for i := range calls {
		switch i % 3 { // a third are a match, a third a mismatch, a third have no record
		case 0:
			server.AddPerson(person(i).UserName, person(i).IdentifyNum)
		case 1:
			server.AddPerson(liSi.UserName, person(i).IdentifyNum)
		}
		if i%(calls/hangs) == 0 {
			server.Inject(id2metatest.Hang())
		} else {
			server.Inject(randomFault(random))
		}
	}
	want := func(i int) id2meta.BizCode {
		return []id2meta.BizCode{id2meta.BizCodeMatch, id2meta.BizCodeMismatch, id2meta.BizCodeNoRecord}[i%3]
	}

	client := newClient(t, []string{refusing(t), server.Endpoint(), relay.Address}, id2meta.WithTimeout(timeout))
	var mu sync.Mutex
	verdicts, errs := 0, 0
	work := make(chan int)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range work {
				started := time.Now()
				result, err := client.Verify(context.Background(), person(i))
				took := time.Since(started)
				mu.Lock()
				assert.Less(t, took, timeout+late, "a call outlived its deadline")
				if err != nil {
					errs++
					assert.Zero(t, result)
				} else {
					verdicts++
					assert.Equal(t, want(i), result.BizCode, "a wrong verdict")
				}
				mu.Unlock()
			}
		})
	}
	for i := range calls {
		work <- i
	}
	close(work)
	wg.Wait()

	assert.Equal(t, calls, verdicts+errs)
	assert.Positive(t, verdicts)
	assert.Positive(t, errs)
	billed := map[string]int{}
	for _, call := range server.Calls() {
		if call.Billed {
			billed[call.Person]++
		}
	}
	assert.NotEmpty(t, billed)
	for _, times := range billed {
		if !assert.Equal(t, 1, times, "a person was billed more than once") {
			break
		}
	}
	t.Logf("%d verdicts, %d errors, %d people billed", verdicts, errs, len(billed))

	client.CloseIdleConnections()
	relay.Close()
	server.Close()
	goleak.VerifyNone(t, before)
}

func randomFault(random *rand.Rand) id2metatest.Fault {
	faults := []id2metatest.Fault{
		id2metatest.Delay(0),
		id2metatest.Delay(time.Duration(random.IntN(20)) * time.Millisecond),
		id2metatest.Answer("402", "source unavailable"),
		id2metatest.Answer("500", "system error"),
		id2metatest.Answer("403", "repeated"),
		id2metatest.Status(http.StatusServiceUnavailable, "ServiceUnavailable", "busy"),
		id2metatest.Status(http.StatusForbidden, "NoPermission", "no"),
		id2metatest.Raw(http.StatusOK, `{"Code":"200"}`),
		id2metatest.Raw(http.StatusBadGateway, "<html>"),
		id2metatest.Throttle(time.Duration(random.IntN(20)) * time.Millisecond),
		id2metatest.Drop(),
		id2metatest.Truncate(),
	}
	return faults[random.IntN(len(faults))]
}
