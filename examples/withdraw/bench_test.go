package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// A withdrawal of a user who is verified, against an INSERT of the payment alone by
// the same driver into the same table. The two take turns, so that what else the
// machine does hits both.
func BenchmarkWithdrawal(b *testing.B) {
	b.Run("one replica on SQLite", func(b *testing.B) {
		benchmark(b, filepath.Join(b.TempDir(), "bench.db"), 1)
	})
	b.Run("three replicas on PostgreSQL", func(b *testing.B) {
		benchmark(b, startPostgreSQL(b).newDatabase(b), 3)
	})
	b.Run("three replicas on MariaDB", func(b *testing.B) {
		benchmark(b, startMariaDB(b).newDatabase(b), 3)
	})
}

// clients is how many send at the same time, one after the other each, and perTurn
// how many each sends before it is the other's turn.
const clients, perTurn = 16, 10

func benchmark(b *testing.B, address string, replicas int) {
	var services []*service
	var bases []string
	for range replicas {
		s := openService(b, answers("1", nil), address)
		web := httptest.NewServer(s.handler())
		b.Cleanup(web.Close)
		services, bases = append(services, s), append(bases, web.URL)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	b.Cleanup(client.CloseIdleConnections)
	store := services[0].store
	insert := store.dialect.sql(`INSERT INTO withdrawals (id, user_id, person, amount, idempotency_key, paid_at) VALUES (?, ?, ?, ?, ?, {now})`)

	withdraw := func(user int) error {
		w := withdrawalOf{user: fmt.Sprint("u", user), number: idNumber(user), key: rand.Text()}
		status, _, body, err := w.send(context.Background(), client, bases[user%replicas])
		if err == nil && status != 201 {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	}
	bare := func(user int) error {
		_, err := services[user%replicas].store.db.Exec(insert, rand.Text(), fmt.Sprint("u", user), make([]byte, 32), 10000, []byte(rand.Text()))
		return err
	}
	var withdrawals, inserts series
	withdrawals.turn(b, withdraw) // verifies all
	withdrawals.took, withdrawals.time = nil, 0
	for b.Loop() {
		withdrawals.turn(b, withdraw)
		inserts.turn(b, bare)
	}
	b.ReportMetric(0, "ns/op") // of both, which says nothing
	b.ReportMetric(withdrawals.rate(), "withdrawals/s")
	b.ReportMetric(withdrawals.quantile(0.5), "p50-ms")
	b.ReportMetric(withdrawals.quantile(0.99), "p99-ms")
	b.ReportMetric(inserts.rate()/withdrawals.rate(), "inserts/withdrawal")
	b.ReportMetric(withdrawals.quantile(0.5)/inserts.quantile(0.5), "p50/insert")
	b.ReportMetric(withdrawals.quantile(0.99)/inserts.quantile(0.99), "p99/insert")
}

// series is what was measured of one of the two.
type series struct {
	mu   sync.Mutex
	took []time.Duration
	time time.Duration
}

func (s *series) turn(b *testing.B, one func(user int) error) {
	started := time.Now()
	var group sync.WaitGroup
	for user := range clients {
		group.Go(func() {
			for range perTurn {
				before := time.Now()
				err := one(user)
				s.mu.Lock()
				s.took = append(s.took, time.Since(before))
				s.mu.Unlock()
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	s.time += time.Since(started)
}

// rate is for each second.
func (s *series) rate() float64 { return float64(len(s.took)) / s.time.Seconds() }

// quantile is in ms.
func (s *series) quantile(q float64) float64 {
	slices.Sort(s.took)
	return s.took[int(q*float64(len(s.took)-1))].Seconds() * 1000
}
