package gin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/id2meta/id2meta"
)

var (
	verdicts = prometheus.NewDesc("id2meta_verdicts_total", "Calls that gave a verdict. Each may be billed.", []string{"verdict"}, nil)
	failed   = prometheus.NewDesc("id2meta_failed_total", "Calls that returned an error.", nil, nil)
	sent     = prometheus.NewDesc("id2meta_sent_total", "Requests that the service may have seen.", nil, nil)
	// Alarm on this one: it is money without a verdict.
	maybeBilled = prometheus.NewDesc("id2meta_maybe_billed_total", "Requests without a verdict that may have been billed.", nil, nil)
	throttled   = prometheus.NewDesc("id2meta_throttled_total", "Requests that the service or the limiter refused.", nil, nil)
)

// collector shows the Stats of a Client to Prometheus.
type collector struct{ stats func() id2meta.Stats }

func (c collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

func (c collector) Collect(ch chan<- prometheus.Metric) {
	count := func(desc *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	s := c.stats()
	count(verdicts, s.Match, id2meta.BizCodeMatch.String())
	count(verdicts, s.Mismatch, id2meta.BizCodeMismatch.String())
	count(verdicts, s.NoRecord, id2meta.BizCodeNoRecord.String())
	count(failed, s.Failed)
	count(sent, s.Sent)
	count(maybeBilled, s.MaybeBilled)
	count(throttled, s.Throttled)
}
