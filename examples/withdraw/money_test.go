package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

func TestWhatIsRemembered(t *testing.T) { onEachDatabase(t, testWhatIsRemembered) }

func testWhatIsRemembered(t *testing.T, newService serviceMaker) {
	t.Run("who is verified is not asked about again, although the verdict has expired", func(t *testing.T) {
		v := answers("1", nil)
		s := newService(t, v)
		s.mustPost(t, 201, withdrawalOf{})
		require.Equal(t, 1, s.count(t, "id2meta_cache, users WHERE id = person"), "whoever deletes a user finds the verdict")
		s.exec(t, `DELETE FROM id2meta_cache`)
		s.mustPost(t, 201, withdrawalOf{name: " 张三", number: "１１０１０５１９４９１２３１００２ｘ"})
		require.EqualValues(t, 1, v.calls.Load())
	})
	t.Run("a payment says which answer of the service it rests on", func(t *testing.T) {
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		for id, stored := range map[string]string{"0A1B-2C": "0A1B-2C", "odd \x00 ID": ""} {
			s := newService(t, &verifier{answer: func(context.Context, id2meta.Param) (id2meta.Result, error) {
				return id2meta.Result{BizCode: "1", RequestID: id, Time: at}, nil
			}})
			s.mustPost(t, 201, withdrawalOf{user: "alice"})
			s.mustPost(t, 201, withdrawalOf{user: "bob"}) // remembered
			require.Equal(t, 2, s.count(t, "withdrawals WHERE request_id = ? AND verified_at = ?", stored, at.UnixMilli()))
		}
	})
	t.Run("who has left is not paid, and the verdict is remembered", func(t *testing.T) {
		asked, release := make(chan struct{}), make(chan struct{})
		v := &verifier{answer: func(context.Context, id2meta.Param) (id2meta.Result, error) {
			close(asked)
			<-release
			return id2meta.Result{BizCode: "1"}, nil
		}}
		s := newService(t, v)
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() {
			defer close(left)
			s.do(withdrawalOf{}.request(ctx))
		}()
		<-asked
		leave()
		<-left
		close(release)
		require.NoError(t, s.cache.Wait(t.Context()))
		require.Contains(t, s.log.String(), "the client left")
		require.Equal(t, 1, s.count(t, "id2meta_cache"))
		require.Zero(t, s.payments(t))

		s.mustPost(t, 201, withdrawalOf{})
		s.do(withdrawalOf{}.request(ctx)) // who is verified, and has left
		require.Equal(t, 1, s.payments(t))
		require.EqualValues(t, 1, v.calls.Load())
	})
}

func TestUsersAndPeople(t *testing.T) { onEachDatabase(t, testUsersAndPeople) }

func testUsersAndPeople(t *testing.T, newService serviceMaker) {
	const another = "verified_as_another_person"
	t.Run("a verified user cannot come as another person, and nobody is asked", func(t *testing.T) {
		v := answers("1", nil)
		s := newService(t, v)
		s.mustPost(t, 201, withdrawalOf{})
		require.Equal(t, another, errorOf(t, s.mustPost(t, 409, withdrawalOf{name: "李四", number: "440524188001010014"})))
		require.Equal(t, another, errorOf(t, s.mustPost(t, 409, withdrawalOf{name: "李四"})))
		require.EqualValues(t, 1, v.calls.Load())
		require.Equal(t, 1, s.payments(t))
		s.mustPost(t, 201, withdrawalOf{})
	})
	t.Run("two users may be one person, who is asked about once", func(t *testing.T) {
		v := answers("1", nil)
		s := newService(t, v)
		s.mustPost(t, 201, withdrawalOf{user: "alice"})
		s.mustPost(t, 201, withdrawalOf{user: "bob"})
		require.EqualValues(t, 1, v.calls.Load())
		require.Equal(t, another, errorOf(t, s.mustPost(t, 409, withdrawalOf{user: "bob", name: "李四"})))
	})
	t.Run("users whose names differ in one letter's case are two", func(t *testing.T) {
		s := newService(t, answers("1", nil))
		s.mustPost(t, 201, withdrawalOf{user: "alice"})
		s.mustPost(t, 201, withdrawalOf{user: "Alice", name: "李四"})
	})
	t.Run("of two matching people who come at once for one user only one is paid", func(t *testing.T) {
		var asked sync.WaitGroup
		asked.Add(2)
		s := newService(t, &verifier{answer: func(context.Context, id2meta.Param) (id2meta.Result, error) {
			asked.Done()
			asked.Wait() // for the other one
			return id2meta.Result{BizCode: "1"}, nil
		}})
		statuses, _ := s.atOnce(2, func(i int) withdrawalOf { return withdrawalOf{number: idNumber(i)} })
		require.Equal(t, map[int]int{201: 1, 409: 1}, statuses)
		require.Equal(t, 1, s.payments(t))
	})
	t.Run("a user may claim to be five people a day", func(t *testing.T) {
		v := answers("2", nil)
		s := newService(t, v)
		for _, name := range []string{"赵一", "钱二", "孙三", "李四", "周五"} {
			s.mustPost(t, 422, withdrawalOf{name: name})
			s.mustPost(t, 422, withdrawalOf{name: name}) // to say it again costs nothing
		}
		refused := s.post(withdrawalOf{name: "吴六"})
		require.Equal(t, 429, refused.Code)
		require.Equal(t, "too_many_people", errorOf(t, refused.Body.String()))
		require.NotEmpty(t, refused.Header().Get("Retry-After"))
		require.EqualValues(t, maxAttempts, v.calls.Load())

		s.mustPost(t, 422, withdrawalOf{name: "吴六", user: "bob"})
		s.yesterday(t)
		s.mustPost(t, 422, withdrawalOf{})
		s.mustPost(t, 422, withdrawalOf{name: "吴六"}) // the second of this day
	})
	t.Run("a user who guesses twenty at once costs no more than five calls", func(t *testing.T) {
		v := answers("2", nil)
		s := newService(t, v)
		statuses, _ := s.atOnce(20, func(i int) withdrawalOf { return withdrawalOf{number: idNumber(i)} })
		require.Equal(t, map[int]int{422: maxAttempts, 429: 20 - maxAttempts}, statuses)
		require.EqualValues(t, maxAttempts, v.calls.Load())
	})
	t.Run("a failure that cost nothing may be repeated for ever", func(t *testing.T) {
		s := newService(t, answers("", id2meta.ErrUnavailable))
		for range 2 * maxAttempts {
			s.mustPost(t, 503, withdrawalOf{})
		}
	})
	maybeBilled := errors.Join(id2meta.ErrUnavailable, id2meta.ErrMaybeBilled)
	t.Run("a user is billed at most five times a day for one person without a verdict", func(t *testing.T) {
		v := answers("", maybeBilled)
		s := newService(t, v)
		for range maxAttempts {
			s.mustPost(t, 503, withdrawalOf{})
		}
		s.mustPost(t, 429, withdrawalOf{})
		require.EqualValues(t, maxAttempts, v.calls.Load())
		s.yesterday(t)
		s.mustPost(t, 503, withdrawalOf{})
	})
	t.Run("of twenty at once about one person no more than five may be billed", func(t *testing.T) {
		v := answers("", maybeBilled)
		s := newService(t, v)
		statuses, _ := s.atOnce(20, func(int) withdrawalOf { return withdrawalOf{} })
		require.Equal(t, 20, statuses[503]+statuses[429], "429: too late to share, and the fifth")
		require.LessOrEqual(t, v.calls.Load(), int64(maxAttempts))
	})
}

func TestIdempotencyKey(t *testing.T) { onEachDatabase(t, testIdempotencyKey) }

func testIdempotencyKey(t *testing.T, newService serviceMaker) {
	s := newService(t, answers("1", nil))
	first := s.mustPost(t, 201, withdrawalOf{key: "k1"})
	t.Run("the same request is answered the same and not paid again", func(t *testing.T) {
		require.Equal(t, first, s.mustPost(t, 201, withdrawalOf{key: "k1", number: "11010519491231002x"}))
		require.Equal(t, 1, s.payments(t))
		require.Equal(t, 1, strings.Count(s.log.String(), "repeated=true"))
	})
	t.Run("another amount under the same key is refused", func(t *testing.T) {
		require.Equal(t, "idempotency_key_was_used", errorOf(t, s.mustPost(t, 409, withdrawalOf{key: "k1", amount: "1"})))
		require.Equal(t, 1, s.payments(t))
	})
	t.Run("another key is another payment", func(t *testing.T) {
		require.NotEqual(t, first, s.mustPost(t, 201, withdrawalOf{key: "k2"}))
		require.Equal(t, 2, s.payments(t))
	})
	t.Run("the same key of another user is another payment", func(t *testing.T) {
		require.NotEqual(t, first, s.mustPost(t, 201, withdrawalOf{key: "k1", user: "bob"}))
		require.Equal(t, 3, s.payments(t))
	})
	t.Run("without a key each request is a payment", func(t *testing.T) {
		s.mustPost(t, 201, withdrawalOf{})
		s.mustPost(t, 201, withdrawalOf{})
		require.Equal(t, 5, s.payments(t))
	})
	t.Run("a user who was released may become another person, and not under a key of before", func(t *testing.T) {
		s.exec(t, `UPDATE users SET person = NULL WHERE user_id = 'alice'`)
		require.Equal(t, "idempotency_key_was_used", errorOf(t, s.mustPost(t, 409, withdrawalOf{key: "k1", name: "李四"})))
		s.mustPost(t, 201, withdrawalOf{key: "k4", name: "李四"})
		require.Equal(t, 6, s.payments(t))
	})
	t.Run("of twenty at once one is paid", func(t *testing.T) {
		statuses, bodies := s.atOnce(20, func(int) withdrawalOf { return withdrawalOf{key: "k3", user: "carol"} })
		require.Equal(t, map[int]int{201: 20}, statuses)
		require.Len(t, bodies, 1)
		require.Equal(t, 7, s.payments(t))
	})
}

func TestNoPaymentWithoutTheDatabase(t *testing.T) {
	for _, c := range []struct {
		sentence, breaks string
		calls            int
		status           int
	}{
		{"an attempt that cannot be counted is not asked about", "UPDATE OF attempts ON users", 0, 503},
		{"who cannot be claimed is not asked about", "INSERT ON id2meta_cache", 0, 503},
		{"a match that cannot be bound to the user is not paid", "UPDATE OF person ON users", 1, 503},
		{"a payment that cannot be written is not answered as paid", "INSERT ON withdrawals", 1, 503},
		{"a verdict that cannot be remembered is paid, since the user is remembered", "UPDATE ON id2meta_cache", 1, 201},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			v := answers("1", nil)
			s := newService(t, v)
			s.exec(t, fmt.Sprintf(`CREATE TRIGGER broken BEFORE %s BEGIN SELECT RAISE(FAIL, 'broken'); END`, c.breaks))
			body := s.mustPost(t, c.status, withdrawalOf{})
			if c.status == 201 {
				s.mustPost(t, 201, withdrawalOf{})
				require.Equal(t, 2, s.payments(t))
			} else {
				require.Equal(t, "try_again", errorOf(t, body))
				require.Zero(t, s.payments(t))
			}
			require.EqualValues(t, c.calls, v.calls.Load())
			require.Contains(t, s.log.String(), "broken")
		})
	}
	t.Run("a database that is locked may be free later, and nobody is asked", func(t *testing.T) {
		t.Parallel() // it takes storeTimeout
		s := newService(t, new(verifier))
		locked, err := s.store.db.Conn(t.Context())
		require.NoError(t, err)
		free := time.AfterFunc(3*storeTimeout, func() { locked.Close() })
		refused := s.post(withdrawalOf{})
		require.True(t, free.Stop(), "the answer has waited for the lock")
		require.Equal(t, 503, refused.Code)
		require.Equal(t, "5", refused.Header().Get("Retry-After"))
		require.Contains(t, s.log.String(), "database")
		require.NoError(t, locked.Close())
	})
	t.Run("a payment without a match in the database is not made, whoever asks for it", func(t *testing.T) {
		s := newService(t, new(verifier))
		_, err := s.store.pay(t.Context(), payment{User: "alice", Amount: 1, person: []byte("p")})
		require.ErrorIs(t, err, errNotVerified)
		require.Zero(t, s.payments(t))
	})
}
