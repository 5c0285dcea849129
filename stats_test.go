package id2meta_test

import (
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestStatsCountsWhatIsPaidFor(t *testing.T) {
	again := []id2meta.Option{id2meta.WithRetryUnanswered()}
	for _, test := range []struct {
		name   string
		param  id2meta.Param
		faults []id2metatest.Fault
		opts   []id2meta.Option
		want   id2meta.Stats
	}{
		{"a match", zhangParam, nil, nil, id2meta.Stats{Sent: 1, Match: 1}},
		{"a mismatch", id2meta.Param{UserName: "李四", IdentifyNum: zhangNumber}, nil, nil, id2meta.Stats{Sent: 1, Mismatch: 1}},
		{"no record", id2meta.Param{UserName: zhang, IdentifyNum: guNumber}, nil, nil, id2meta.Stats{Sent: 1, NoRecord: 1}},
		{"an invalid person", id2meta.Param{}, nil, nil, id2meta.Stats{Failed: 1}},
		{"a match after a failure", zhangParam, []id2metatest.Fault{id2metatest.Answer("500", "")}, nil, id2meta.Stats{Sent: 2, Match: 1}},
		{"a match after throttling", zhangParam, []id2metatest.Fault{id2metatest.Throttle(time.Millisecond)}, nil, id2meta.Stats{Sent: 2, Match: 1, Throttled: 1}},
		{"a failure", zhangParam, []id2metatest.Fault{id2metatest.Answer("411", "")}, nil, id2meta.Stats{Sent: 1, Failed: 1}},
		{"a dropped connection", zhangParam, []id2metatest.Fault{id2metatest.Drop()}, nil, id2meta.Stats{Sent: 1, Failed: 1, MaybeBilled: 1}},
		{"a match after two dropped connections", zhangParam, []id2metatest.Fault{id2metatest.Drop(), id2metatest.Drop()}, again, id2meta.Stats{Sent: 3, Match: 1, MaybeBilled: 2}},
		{"a silent server", zhangParam, []id2metatest.Fault{id2metatest.Hang()}, []id2meta.Option{id2meta.WithTimeout(100 * time.Millisecond)}, id2meta.Stats{Sent: 1, Failed: 1, MaybeBilled: 1}},
		{"a limiter that refuses", zhangParam, nil, []id2meta.Option{id2meta.WithLimiter(&countingLimiter{err: io.EOF})}, id2meta.Stats{Failed: 1, Throttled: 1}},
		{"no connection", zhangParam, nil, []id2meta.Option{id2meta.WithEndpoints(refusing(t).endpoint)}, id2meta.Stats{Failed: 1}},
		{"no credential", zhangParam, nil, []id2meta.Option{id2meta.WithCredential(&failingCredential{err: io.EOF})}, id2meta.Stats{Failed: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			server.Inject(test.faults...)
			client := newClient(t, []string{server.Endpoint()}, test.opts...)
			assert.Zero(t, client.Stats())
			_, _ = client.Verify(t.Context(), test.param)
			assert.Equal(t, test.want, client.Stats())

			stats, billed := client.Stats(), uint64(0)
			for _, call := range server.Calls() {
				if call.Billed {
					billed++
				}
			}
			assert.LessOrEqual(t, billed, stats.Match+stats.Mismatch+stats.NoRecord+stats.MaybeBilled, "the bill is within its bound")
		})
	}
	t.Run("many callers at once", func(t *testing.T) {
		server := newServer(t)
		client := newClient(t, []string{server.Endpoint()})
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() {
				_, err := client.Verify(t.Context(), zhangParam)
				assert.NoError(t, err)
			})
		}
		calls.Wait()
		assert.Equal(t, id2meta.Stats{Sent: 100, Match: 100}, client.Stats())
	})
	t.Run("of a nil Client are zero", func(t *testing.T) {
		var client *id2meta.Client
		require.NotPanics(t, func() { assert.Zero(t, client.Stats()) })
	})
}
