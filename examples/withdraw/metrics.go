package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// metrics is what GET /metrics tells. The README says which of them to watch. No
// label has values that a client chooses.
type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
}

// newMetrics shows what the verifier, if it is a Client, and the cache count.
func newMetrics(verifier id2meta.Verifier, cache *verdictcache.Cache) *metrics {
	m := &metrics{prometheus.NewRegistry(), prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "withdraw_withdrawal_duration_seconds", Help: "Time of a request, by outcome: paid, repeated, or the error of the answer.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}, []string{"outcome"})}
	m.registry.MustRegister(m.duration, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	count := func(name, help string, read func() uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read()) }))
	}
	count("withdraw_verdicts_asked_total", "Verdicts for which this replica asked.", func() uint64 { return cache.Stats().Asked })
	count("withdraw_verdicts_shared_total", "Verdicts for which another request or replica asked at the same time.", func() uint64 { return cache.Stats().Shared })
	count("withdraw_verdicts_remembered_total", "Verdicts that were in the database.", func() uint64 { return cache.Stats().Remembered })
	count("withdraw_verdicts_rejected_total", "Values in the table of verdicts that no replica wrote.", func() uint64 { return cache.Stats().Rejected })
	count("withdraw_verdict_store_failures_total", "Failures of the table of verdicts.", func() uint64 { return cache.Stats().StoreFailures })
	if client, ok := verifier.(*id2meta.Client); ok {
		count("withdraw_requests_sent_total", "Requests that the service may have seen.", func() uint64 { return client.Stats().Sent })
		count("withdraw_requests_throttled_total", "Requests that the service or a limit refused.", func() uint64 { return client.Stats().Throttled })
		count("withdraw_maybe_billed_total", "Requests that may be on the bill and gave no verdict.", func() uint64 { return client.Stats().MaybeBilled })
	}
	return m
}

// withdrawal counts one that was paid, or else refused.
func (m *metrics) withdrawal(paid payment, refused refusal, took time.Duration) {
	outcome := refused.Code
	switch {
	case paid.ID == "":
	case paid.repeated:
		outcome = "repeated"
	default:
		outcome = "paid"
	}
	m.duration.WithLabelValues(outcome).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
