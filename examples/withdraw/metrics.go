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
	registry    *prometheus.Registry
	withdrawals *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	questions   *prometheus.CounterVec
	asking      prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		withdrawals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "withdraw_withdrawals_total",
			Help: "Withdrawals by outcome: paid, repeated, or the error of the answer."}, []string{"outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "withdraw_withdrawal_duration_seconds",
			Help: "Time from a withdrawal's request to its answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}, []string{"paid"}),
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "withdraw_questions_total",
			Help: "Questions by answer: the verdict, maybe billed (without a verdict), failed, or refused (never put to the service)."}, []string{"answer"}),
		asking: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "withdraw_question_duration_seconds",
			Help: "Time of a question to the service, waiting for the limit and retries included.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 11)}),
	}
	m.registry.MustRegister(m.withdrawals, m.duration, m.questions, m.asking,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// So that a rate can be had from the first one on.
	for _, code := range []id2meta.BizCode{id2meta.BizCodeMatch, id2meta.BizCodeMismatch, id2meta.BizCodeNoRecord} {
		m.questions.WithLabelValues(code.String())
	}
	for _, answer := range []string{answerRefused, answerFailed, answerMaybeBilled} {
		m.questions.WithLabelValues(answer)
	}
	return m
}

// watch adds what the cache counts.
func (m *metrics) watch(cache *verdictcache.Cache) {
	for _, c := range []struct {
		name, help string
		count      func(verdictcache.Stats) uint64
	}{
		{"withdraw_verdicts_asked_total", "Verdicts for which this replica asked.", func(s verdictcache.Stats) uint64 { return s.Asked }},
		{"withdraw_verdicts_shared_total", "Verdicts for which another request or replica asked at the same time.", func(s verdictcache.Stats) uint64 { return s.Shared }},
		{"withdraw_verdicts_remembered_total", "Verdicts that were in the database.", func(s verdictcache.Stats) uint64 { return s.Remembered }},
		{"withdraw_verdicts_rejected_total", "Values in the table of verdicts that this program did not write, or with another key.", func(s verdictcache.Stats) uint64 { return s.Rejected }},
		{"withdraw_verdict_store_failures_total", "Failures of the table of verdicts.", func(s verdictcache.Stats) uint64 { return s.StoreFailures }},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help},
			func() float64 { return float64(c.count(cache.Stats())) }))
	}
}

func (m *metrics) question(answer string, took time.Duration) {
	m.questions.WithLabelValues(answer).Inc()
	m.asking.Observe(took.Seconds())
}

// withdrawal counts one that was paid, or else refused.
func (m *metrics) withdrawal(paid payment, refused refusal, took time.Duration) {
	outcome, isPaid := refused.Code, "no"
	switch {
	case paid.ID == "":
	case paid.repeated:
		outcome, isPaid = "repeated", "yes"
	default:
		outcome, isPaid = "paid", "yes"
	}
	m.withdrawals.WithLabelValues(outcome).Inc()
	m.duration.WithLabelValues(isPaid).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
