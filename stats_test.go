package id2meta_test

import (
	"context"
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
	t.Parallel()
	again := []id2meta.Option{id2meta.WithRetryUnanswered()}
	for _, test := range []struct {
		name   string
		param  id2meta.Param
		faults []id2metatest.Fault
		opts   []id2meta.Option
		want   id2meta.Stats
		ctx    func(*testing.T, *id2metatest.Server) context.Context // default: the test's
	}{
		{"a match", zhangSan, nil, nil, id2meta.Stats{Sent: 1, Match: 1}, nil},
		{"a mismatch", liSi, nil, nil, id2meta.Stats{Sent: 1, Mismatch: 1}, nil},
		{"no record", unknownPerson, nil, nil, id2meta.Stats{Sent: 1, NoRecord: 1}, nil},
		{"an invalid person", id2meta.Param{}, nil, nil, id2meta.Stats{Failed: 1}, nil},
		{"a match after a failure", zhangSan, []id2metatest.Fault{id2metatest.Answer("500", "")}, nil, id2meta.Stats{Sent: 2, Match: 1}, nil},
		{"a match after throttling", zhangSan, []id2metatest.Fault{id2metatest.Throttle(time.Millisecond)}, nil, id2meta.Stats{Sent: 2, Match: 1, Throttled: 1}, nil},
		{"a failure", zhangSan, []id2metatest.Fault{id2metatest.Answer("411", "")}, nil, id2meta.Stats{Sent: 1, Failed: 1}, nil},
		{"a dropped connection", zhangSan, []id2metatest.Fault{id2metatest.Drop()}, nil, id2meta.Stats{Sent: 1, Failed: 1, MaybeBilled: 1}, nil},
		{"a match after two dropped connections", zhangSan, []id2metatest.Fault{id2metatest.Drop(), id2metatest.Drop()}, again, id2meta.Stats{Sent: 3, Match: 1, MaybeBilled: 2}, nil},
		{"a silent server", zhangSan, []id2metatest.Fault{id2metatest.Hang()}, nil, id2meta.Stats{Sent: 1, Failed: 1, MaybeBilled: 1}, whenRequested(context.DeadlineExceeded)},
		{"a limiter that refuses", zhangSan, nil, []id2meta.Option{id2meta.WithLimiter(&countingLimiter{err: io.EOF})}, id2meta.Stats{Failed: 1, Throttled: 1}, nil},
		{"no connection", zhangSan, nil, []id2meta.Option{id2meta.WithEndpoints(refusing(t).endpoint)}, id2meta.Stats{Failed: 1}, nil},
		{"no credential", zhangSan, nil, []id2meta.Option{id2meta.WithCredential(&failingCredential{err: io.EOF})}, id2meta.Stats{Failed: 1}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			server.Inject(test.faults...)
			client := newClient(t, []string{server.Endpoint()}, test.opts...)
			assert.Zero(t, client.Stats())
			ctx := t.Context()
			if test.ctx != nil {
				ctx = test.ctx(t, server)
			}
			_, _ = client.Verify(ctx, test.param)
			assert.Equal(t, test.want, client.Stats())

			stats, billed := client.Stats(), uint64(0)
			for _, call := range server.Calls() {
				if call.Billed {
					billed++
				}
			}
			assert.LessOrEqual(t, billed, stats.Match+stats.Mismatch+stats.NoRecord+stats.MaybeBilled, "the bill is not larger than Stats says")
		})
	}
	t.Run("many callers at once", func(t *testing.T) {
		server := newServer(t)
		client := newClient(t, []string{server.Endpoint()}, patient()...)
		var calls sync.WaitGroup
		for range 100 {
			calls.Go(func() {
				_, err := client.Verify(t.Context(), zhangSan)
				assert.NoError(t, err)
			})
		}
		calls.Wait()
		assert.Equal(t, id2meta.Stats{Sent: 100, Match: 100}, client.Stats())
	})
	t.Run("a nil Client has zero Stats", func(t *testing.T) {
		var client *id2meta.Client
		require.NotPanics(t, func() { assert.Zero(t, client.Stats()) })
	})
}
