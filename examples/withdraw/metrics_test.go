package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

func TestMetrics(t *testing.T) {
	byName := map[string]*verifier{
		"张三": answers("1", nil),
		"李四": answers("2", nil),
		"王五": answers("", errors.Join(id2meta.ErrUnavailable, id2meta.ErrMaybeBilled)),
		"赵六": answers("", id2meta.ErrThrottled),
	}
	s := newService(t, id2meta.VerifierFunc(func(ctx context.Context, p id2meta.Param) (id2meta.Result, error) {
		return byName[p.UserName].Verify(ctx, p)
	}))
	s.mustPost(t, 201, withdrawalOf{user: "alice", key: "k"})
	s.mustPost(t, 201, withdrawalOf{user: "alice", key: "k"})
	s.mustPost(t, 201, withdrawalOf{user: "bob"}) // as alice: remembered
	s.mustPost(t, 409, withdrawalOf{user: "bob", name: "李四"})
	s.mustPost(t, 422, withdrawalOf{user: "carol", name: "李四"})
	s.mustPost(t, 503, withdrawalOf{user: "carol", name: "王五"})
	s.mustPost(t, 503, withdrawalOf{user: "carol", name: "赵六"})
	s.mustPost(t, 400, withdrawalOf{user: "carol", number: "1"})

	got := s.do(httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, got.Code)
	requireNothingPersonal(t, "/metrics", got.Body.String())
	for _, line := range []string{
		`withdraw_withdrawal_duration_seconds_count{outcome="paid"} 2`,
		`withdraw_withdrawal_duration_seconds_count{outcome="repeated"} 1`,
		`withdraw_withdrawal_duration_seconds_count{outcome="mismatch"} 1`,
		`withdraw_withdrawal_duration_seconds_count{outcome="verified_as_another_person"} 1`,
		`withdraw_withdrawal_duration_seconds_count{outcome="try_again"} 2`,
		`withdraw_withdrawal_duration_seconds_count{outcome="invalid_field"} 1`,
		`withdraw_verdicts_asked_total 2`,
		`withdraw_verdicts_remembered_total 1`,
		`withdraw_verdicts_shared_total 0`,
		`withdraw_verdict_store_failures_total 0`,
		`process_open_fds`,
	} {
		require.Contains(t, got.Body.String(), "\n"+line)
	}
	t.Run("the names are as Prometheus wants them", func(t *testing.T) {
		problems, err := testutil.GatherAndLint(s.metrics.registry)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}
