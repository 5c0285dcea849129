package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testserver"
)

var seedFlag = flag.Uint64("seed", 0, "of TestReplicas; 0: another one each time")

const (
	replicas    = 3
	replicaKill = 6
	usersAtOnce = 200
	// outage is how long the database is away.
	outage = 2 * time.Second
)

// Three replicas, of which one after the other is killed, on a database that goes
// away. Each user sends the same withdrawal to all three at once, and again after
// each failure to the next, until all three requests are answered.
func TestReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("takes about a minute for each database")
	}
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test -run TestReplicas -seed %d", seed)
	for name, start := range map[string]func(testing.TB) databaseServer{"PostgreSQL": startPostgreSQL, "MariaDB": startMariaDB} {
		t.Run(name, func(t *testing.T) { testReplicas(t, start(t), rand.New(rand.NewPCG(seed, 0))) })
	}
}

func testReplicas(t *testing.T, server databaseServer, random *rand.Rand) {
	redis := testserver.Redis(t)
	simulator := id2metatest.NewServer()
	t.Cleanup(simulator.Close)
	for n := range usersAtOnce {
		simulator.AddPerson(demoName, idNumber(n))
		simulator.Inject(id2metatest.Delay(time.Duration(random.IntN(200)) * time.Millisecond))
	}
	address := server.newDatabase(t)
	migrate(t, address)
	c := &crowd{client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: usersAtOnce}}, odd: map[string]int{}}
	t.Cleanup(c.client.CloseIdleConnections)
	for i := range replicas {
		r := startReplica(t, simulator, fmt.Sprintf("replica-%d", i), "-db", address, "-redis", redis.DSN())
		c.replicas = append(c.replicas, r)
	}
	for _, r := range c.replicas {
		r.ready(t)
	}

	// The crowd comes within some seconds; what happens to the service, meanwhile.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	started := time.Now()
	var group sync.WaitGroup
	for n := range usersAtOnce {
		delay := time.Duration(random.IntN(6000)) * time.Millisecond
		group.Go(func() {
			sleep(ctx, delay)
			c.withdraw(ctx, n)
		})
	}
	var down, up time.Time // of the database
	for i := range replicaKill {
		sleep(ctx, 500*time.Millisecond+time.Duration(random.IntN(700))*time.Millisecond)
		c.replicas[random.IntN(replicas)].signal(syscall.SIGKILL, false)
		if i == replicaKill/2 {
			down = time.Now()
			server.Stop()
			c.away.Store(true)
			sleep(ctx, outage)
			c.away.Store(false)
			server.Start()
			up = time.Now()
		}
	}
	group.Wait()
	t.Logf("all are answered after %v; the database was away for %v", time.Since(started).Round(time.Millisecond), up.Sub(down).Round(time.Millisecond))
	require.NoError(t, ctx.Err(), "not all are answered; %v", c.odd)
	var log strings.Builder
	for _, r := range c.replicas {
		r.ready(t)
		r.stop(t)
		log.WriteString(r.log())
	}

	t.Run("no answer is another than paid or try again", func(t *testing.T) {
		t.Logf("%d paid, %d try again, %d connections lost", c.paid, c.tryAgain, c.lost)
		require.Empty(t, c.odd, regexp.MustCompile(`.*level=ERROR.*`).FindAllString(log.String(), 5))
		require.NotZero(t, c.missed, "or the database was not missed")
		require.NotZero(t, c.lost, "or nobody was killed")
	})
	t.Run("each user is paid exactly once, and told the same by each replica", func(t *testing.T) {
		s, err := openStore(t.Context(), address, "")
		require.NoError(t, err)
		defer s.db.Close()
		rows, err := s.db.Query(`SELECT id, user_id, amount FROM withdrawals`)
		require.NoError(t, err)
		defer rows.Close()
		var stored []payment
		for rows.Next() {
			var p payment
			require.NoError(t, rows.Scan(&p.ID, &p.User, &p.Amount))
			stored = append(stored, p)
		}
		require.NoError(t, rows.Err())
		var answered []payment
		sums := [2]int64{}
		for n := range usersAtOnce {
			for _, p := range c.answers[n] {
				require.Equal(t, c.answers[n][0], p)
			}
			require.Len(t, c.answers[n], replicas)
			answered = append(answered, c.answers[n][0])
			sums[0] += c.answers[n][0].Amount
		}
		for _, p := range stored {
			sums[1] += p.Amount
		}
		require.ElementsMatch(t, answered, stored)
		require.Equal(t, sums[0], sums[1], "the sum of the payments is that of the answers")
	})
	t.Run("each person is billed once, but for calls of which the replica was killed", func(t *testing.T) {
		killed := map[string]time.Time{}
		for _, r := range c.replicas {
			for id, at := range r.killed {
				killed[id] = at
			}
		}
		people := map[string][]id2metatest.Call{}
		for _, call := range simulator.Calls() {
			if call.Person == "" { // of Client.Check, when a replica starts
				continue
			}
			people[call.Person] = append(people[call.Person], call)
		}
		require.Len(t, people, usersAtOnce)
		again := 0
		for _, calls := range people {
			for i, call := range calls[1:] {
				first := calls[i]
				at, ok := killed[first.AccessKeyID]
				// A verdict that comes while the database is away waits for it.
				until := first.Time.Add(askTimeout)
				if until.After(down) && first.Time.Before(up) {
					until = up.Add(askTimeout)
				}
				require.True(t, ok && at.Before(call.Time) && at.Before(until),
					"%s asked at %v, and %s at %v, though the first was not killed meanwhile, but at %v; the database was away from %v to %v",
					first.AccessKeyID, first.Time, call.AccessKeyID, call.Time, at, down, up)
				again++
			}
		}
		t.Logf("%d persons, %d calls were made again after a kill", len(people), again)
	})
	t.Run("nothing personal is in the logs, nor in the database", func(t *testing.T) {
		dump := string(server.Dump())
		require.Contains(t, log.String(), "user=u0")
		require.Contains(t, dump, "u0")
		for _, content := range []string{log.String(), dump} {
			require.False(t, strings.Contains(content, demoName))
			for n := range usersAtOnce {
				require.False(t, strings.Contains(content, idNumber(n)[6:]))
			}
		}
	})
}

// crowd is all users and what they were answered.
type crowd struct {
	client   *http.Client
	replicas []*replica

	mu                   sync.Mutex
	answers              [usersAtOnce][]payment
	paid, tryAgain, lost int
	missed               int            // failures while the database was away
	away                 atomic.Bool    // the database is
	odd                  map[string]int // answers that nobody should get
}

// withdraw sends the withdrawal of one user to all replicas at once.
func (c *crowd) withdraw(ctx context.Context, n int) {
	var group sync.WaitGroup
	for first := range replicas {
		group.Go(func() {
			for try := first; ctx.Err() == nil && !c.try(ctx, n, c.replicas[try%replicas]); try++ {
				sleep(ctx, 200*time.Millisecond)
			}
		})
	}
	group.Wait()
}

// try reports whether the user needs not try again.
func (c *crowd) try(ctx context.Context, n int, r *replica) bool {
	w := withdrawalOf{user: fmt.Sprint("u", n), number: idNumber(n), key: fmt.Sprint("key-", n), amount: fmt.Sprint(n + 1)}
	status, header, body, err := w.send(ctx, c.client, r.base)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away.Load() && (err != nil || status != 201) {
		c.missed++
	}
	var p payment
	switch {
	case err != nil:
		c.lost++
		return false
	case status == 201 && json.Unmarshal([]byte(body), &p) == nil:
		c.paid++
		c.answers[n] = append(c.answers[n], p)
		return true
	case status == 503 && header.Get("Retry-After") != "" && strings.HasPrefix(body, `{"error":"try_again",`):
		c.tryAgain++
		return false
	}
	c.odd[fmt.Sprint(status, " ", body)]++
	return true
}

// send sends the request to a server.
func (w withdrawalOf) send(ctx context.Context, client *http.Client, base string) (status int, header http.Header, body string, err error) {
	recorded := w.request(ctx)
	r, err := http.NewRequestWithContext(ctx, "POST", base+"/withdrawals", recorded.Body)
	if err != nil {
		return 0, nil, "", err
	}
	r.Header = recorded.Header
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(content), err
}

// get returns the status, or 0 if there is no answer.
func get(ctx context.Context, url string) int {
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return 0
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}
