package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

// A browser that leaves while the service answers costs nothing more than one that
// waits.
func TestABrowserThatLeaves(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, newService serviceMaker) {
		const answersAfter = 300 * time.Millisecond
		leave := func(t *testing.T, s *service, base string, w withdrawalOf) {
			t.Helper()
			browser := &http.Client{Timeout: 100 * time.Millisecond}
			defer browser.CloseIdleConnections()
			_, _, _, err := w.send(t.Context(), browser, base)
			require.Error(t, err)
		}
		t.Run("it is billed once, and the verdict is remembered", func(t *testing.T) {
			simulator, asked := newSimulator(t, new(logBuffer))
			simulator.Inject(id2metatest.Delay(answersAfter))
			s := newService(t, asked)
			base := serveForTest(t, s.handler())
			for simulator.Billed(demoName, demoNumber) == 0 && len(simulator.Calls()) == 0 {
				leave(t, s, base, withdrawalOf{}) // again on a machine that is too busy to ask within 100 ms
			}
			require.Eventually(t, func() bool { return simulator.Billed(demoName, demoNumber) == 1 }, 10*time.Second, 10*time.Millisecond)
			require.Zero(t, s.payments(t), "who has left is not paid")
			status, _, body := send(t, base, withdrawalOf{})
			require.Equal(t, 201, status, body)
			require.Equal(t, 1, simulator.Billed(demoName, demoNumber))
			require.Len(t, simulator.Calls(), 1)
			require.Equal(t, 1, s.payments(t))
		})
		t.Run("at shutdown its verdict is remembered, too", func(t *testing.T) {
			verifier := newSlow()
			s := newService(t, verifier)
			ctx, leave := context.WithCancel(t.Context())
			left := make(chan struct{})
			go func() {
				defer close(left)
				withdrawalOf{}.send(ctx, http.DefaultClient, serveForTest(t, s.handler()))
			}()
			<-verifier.asked
			leave()
			<-left
			time.AfterFunc(100*time.Millisecond, func() { close(verifier.answer) })
			require.NoError(t, s.cache.Wait(t.Context()))
			var verdicts int
			require.NoError(t, s.store.db.QueryRow(`SELECT COUNT(*) FROM id2meta_cache`).Scan(&verdicts))
			require.Equal(t, 1, verdicts)
			s.mustPost(t, 201, withdrawalOf{})
			require.Equal(t, 1, verifier.calls)
		})
	})
}

// Whoever can write the database's table of verdicts can make withdraw ask again, and
// cannot make it pay.
func TestAForgedVerdict(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, newService serviceMaker) {
		verifier := id2meta.VerifierFunc(func(_ context.Context, p id2meta.Param) (id2meta.Result, error) {
			if p.UserName == "张三" {
				return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
			}
			return id2meta.Result{BizCode: id2meta.BizCodeMismatch}, nil
		})
		s := newService(t, verifier)
		// values returns what is stored, by ID in hexadecimal.
		values := func(t *testing.T) map[string][]byte {
			t.Helper()
			rows, err := s.store.db.Query(`SELECT id, value FROM id2meta_cache`)
			require.NoError(t, err)
			defer rows.Close()
			found := map[string][]byte{}
			for rows.Next() {
				var id, value []byte
				require.NoError(t, rows.Scan(&id, &value))
				found[hex.EncodeToString(id)] = bytes.Clone(value)
			}
			require.NoError(t, rows.Err())
			return found
		}
		s.mustPost(t, 201, withdrawalOf{user: "alice"})
		require.Len(t, values(t), 1)
		var match []byte
		for _, value := range values(t) {
			match = value
		}
		s.mustPost(t, 422, withdrawalOf{user: "mallory", name: "李四"})
		var mismatch []byte
		for _, value := range values(t) {
			if !bytes.Equal(value, match) {
				mismatch = value
			}
		}
		require.NotEmpty(t, mismatch)
		flipped := make([][]byte, 0, len(mismatch))
		for i := range mismatch {
			changed := bytes.Clone(mismatch)
			changed[i] ^= 1
			flipped = append(flipped, changed)
		}
		current := mismatch
		for sentence, forged := range map[string][][]byte{
			"the match of another person":               {match},
			"the BizCode of a match":                    {[]byte("1"), []byte("1v1"), {1}},
			"a mismatch of which one bit was changed":   flipped,
			"a mismatch whose end was cut off":          {mismatch[:len(mismatch)-1], mismatch[:1]},
			"nothing that this program can have stored": {bytes.Repeat([]byte{0}, 1024), []byte(`{"BizCode":"1"}`)},
		} {
			t.Run(sentence+" is not believed", func(t *testing.T) {
				for _, value := range forged {
					done, err := s.store.db.Exec(s.store.dialect.sql(`UPDATE id2meta_cache SET value = ? WHERE value = ?`), value, current)
					require.NoError(t, err)
					changed, err := done.RowsAffected()
					require.NoError(t, err)
					require.EqualValues(t, 1, changed)
					before, rejected := s.payments(t), s.cache.Stats().Rejected
					s.mustPost(t, 422, withdrawalOf{user: "mallory", name: "李四"})
					require.Equal(t, before, s.payments(t))
					require.Greater(t, s.cache.Stats().Rejected, rejected)
					// The service was asked again, and its verdict has replaced the forged one.
					for _, stored := range values(t) {
						require.False(t, bytes.Equal(stored, value) && !bytes.Equal(value, match))
						if !bytes.Equal(stored, match) {
							current = stored
						}
					}
				}
			})
		}
	})
}
