package main

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

func TestMetrics(t *testing.T) {
	results := map[string]struct {
		verdict id2meta.BizCode
		err     error
	}{
		"张三": {"1", nil},
		"李四": {"2", nil},
		"王五": {"", errors.Join(id2meta.ErrUnavailable, id2meta.ErrMaybeBilled)},
		"赵六": {"", id2meta.ErrThrottled},
	}
	s := newService(t, id2meta.VerifierFunc(func(_ context.Context, p id2meta.Param) (id2meta.Result, error) {
		return id2meta.Result{BizCode: results[p.UserName].verdict}, results[p.UserName].err
	}))
	s.mustPost(t, 201, withdrawalOf{user: "alice", key: "k"})
	s.mustPost(t, 201, withdrawalOf{user: "alice", key: "k"})
	s.mustPost(t, 201, withdrawalOf{user: "bob"}) // as alice: remembered
	s.mustPost(t, 409, withdrawalOf{user: "bob", name: "李四"})
	s.mustPost(t, 422, withdrawalOf{user: "carol", name: "李四"})
	s.mustPost(t, 503, withdrawalOf{user: "carol", name: "王五"})
	s.mustPost(t, 503, withdrawalOf{user: "carol", name: "赵六"})
	s.mustPost(t, 400, withdrawalOf{user: "carol", number: "1"})

	got := httptest.NewRecorder()
	s.handler().ServeHTTP(got, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, got.Code)
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	requireNothingPersonal(t, "/metrics", body)
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
		require.Contains(t, string(body), "\n"+line, line)
	}
	t.Run("the names are as Prometheus wants them", func(t *testing.T) {
		problems, err := testutil.GatherAndLint(s.metrics.registry)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}
