package id2meta_test

import (
	"errors"
	"flag"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
)

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
