package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
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
	for name, start := range databaseServers {
		t.Run(name, func(t *testing.T) { testReplicas(t, start(t), rand.New(rand.NewPCG(seed, 0))) })
	}
}

func testReplicas(t *testing.T, server databaseServer, random *rand.Rand) {
	simulator := id2metatest.NewServer()
	t.Cleanup(simulator.Close)
	for n := range usersAtOnce {
		simulator.AddPerson(demoName, idNumber(n))
		simulator.Inject(id2metatest.Delay(time.Duration(random.IntN(200)) * time.Millisecond))
	}
	redis, address := testserver.Redis(t), server.newDatabase(t)
	migrate(t, address)

	var processes []*process
	startReplica := func() *process {
		key := fmt.Sprint("process-", len(processes)) // so that the simulator tells them apart
		p := &process{program: startLive(t, simulator, key, "-db", address, "-redis", redis.DSN())}
		processes = append(processes, p)
		return p
	}
	c := &crowd{client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: usersAtOnce}}, odd: map[string]int{}}
	t.Cleanup(c.client.CloseIdleConnections)
	for i := range replicas {
		c.replicas[i].Store(startReplica())
	}

	// The crowd comes within some seconds; what happens to the service, meanwhile.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	started := time.Now()
	var group sync.WaitGroup
	for n := range usersAtOnce {
		delay := time.Duration(random.IntN(6000)) * time.Millisecond
		group.Go(func() {
			time.Sleep(delay)
			c.withdraw(ctx, n)
		})
	}
	var down, up time.Time // of the database
	for i := range replicaKill {
		time.Sleep(500*time.Millisecond + time.Duration(random.IntN(700))*time.Millisecond)
		replica := &c.replicas[random.IntN(replicas)]
		replica.Load().killed = time.Now()
		require.Error(t, replica.Load().end(t, os.Kill))
		if i == replicaKill/2 {
			down = time.Now()
			server.Stop()
			c.away.Store(true)
			time.Sleep(outage)
			c.away.Store(false)
			server.Start()
			up = time.Now()
		}
		replica.Store(startReplica())
	}
	group.Wait()
	t.Logf("all are answered after %v; the database was away for %v", time.Since(started).Round(time.Millisecond), up.Sub(down).Round(time.Millisecond))
	require.NoError(t, ctx.Err(), "not all are answered; %v", c.odd)
	var log string
	for _, p := range processes {
		if p.killed.IsZero() {
			require.NoError(t, p.end(t, syscall.SIGTERM), &p.log)
		}
		log += p.log.String()
	}

	t.Run("no answer is another than paid or try again", func(t *testing.T) {
		t.Logf("%d try again, %d connections lost", c.tryAgain, c.lost)
		require.Empty(t, c.odd, regexp.MustCompile(`.*level=ERROR.*`).FindAllString(log, 5))
		require.NotZero(t, c.missed, "or the database was not missed")
		require.NotZero(t, c.lost, "or nobody was killed")
	})
	t.Run("each user is paid exactly once, and told the same by each replica", func(t *testing.T) {
		s, err := openStore(t.Context(), address)
		require.NoError(t, err)
		defer s.db.Close()
		rows, err := s.db.Query(`SELECT id, user_id, amount FROM withdrawals`)
		require.NoError(t, err)
		defer rows.Close()
		var stored, answered []payment
		for rows.Next() {
			var p payment
			require.NoError(t, rows.Scan(&p.ID, &p.User, &p.Amount))
			stored = append(stored, p)
		}
		require.NoError(t, rows.Err())
		for n, told := range c.answers {
			require.Len(t, told, replicas)
			for _, p := range told {
				require.Equal(t, payment{ID: told[0].ID, User: fmt.Sprint("u", n), Amount: int64(n + 1)}, p)
			}
			answered = append(answered, told[0])
		}
		require.ElementsMatch(t, answered, stored)
	})
	t.Run("each person is billed once, but for calls of which the replica was killed", func(t *testing.T) {
		last := map[string]id2metatest.Call{} // about each person
		again := 0
		for _, call := range simulator.Calls() {
			if call.Person == "" { // it is of Client.Check, when a replica starts
				continue
			}
			if first, ok := last[call.Person]; ok {
				var i int
				fmt.Sscanf(first.AccessKeyID, "process-%d", &i)
				// A verdict that comes while the database is away waits for it.
				until := first.Time.Add(askTimeout)
				if until.After(down) && first.Time.Before(up) {
					until = up.Add(askTimeout)
				}
				at := processes[i].killed
				require.True(t, !at.IsZero() && at.Before(call.Time) && at.Before(until),
					"%s asked at %v, and %s at %v, though the first was not killed meanwhile, but at %v; the database was away from %v to %v",
					first.AccessKeyID, first.Time, call.AccessKeyID, call.Time, at, down, up)
				again++
			}
			last[call.Person] = call
		}
		require.Len(t, last, usersAtOnce)
		t.Logf("%d persons, %d calls were made again after a kill", len(last), again)
	})
	t.Run("nothing personal is in the logs, nor in the database", func(t *testing.T) {
		dump := string(server.Dump())
		require.Contains(t, log, "user=u0")
		require.Contains(t, dump, "u0")
		for _, content := range []string{log, dump} {
			require.False(t, strings.Contains(content, demoName))
			for n := range usersAtOnce {
				require.False(t, strings.Contains(content, idNumber(n)[6:]))
			}
		}
	})
}

// process is one of a replica.
type process struct {
	*program
	killed time.Time // zero: it was not
}

// crowd is all users and what they were answered.
type crowd struct {
	client   *http.Client
	replicas [replicas]atomic.Pointer[process]
	away     atomic.Bool // the database is

	mu             sync.Mutex
	answers        [usersAtOnce][]payment
	tryAgain, lost int
	missed         int            // failures while the database was away
	odd            map[string]int // answers that nobody should get
}

// withdraw sends the withdrawal of one user to all replicas at once.
func (c *crowd) withdraw(ctx context.Context, n int) {
	var group sync.WaitGroup
	for first := range replicas {
		group.Go(func() {
			for try := first; ctx.Err() == nil && !c.try(ctx, n, c.replicas[try%replicas].Load().base); try++ {
				time.Sleep(200 * time.Millisecond)
			}
		})
	}
	group.Wait()
}

// try reports whether the user needs not try again.
func (c *crowd) try(ctx context.Context, n int, base string) bool {
	w := withdrawalOf{user: fmt.Sprint("u", n), number: idNumber(n), key: fmt.Sprint("key-", n), amount: fmt.Sprint(n + 1)}
	status, header, body, err := w.send(ctx, c.client, base)
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
		c.answers[n] = append(c.answers[n], p)
		return true
	case status == 503 && header.Get("Retry-After") != "" && strings.HasPrefix(body, `{"error":"try_again",`):
		c.tryAgain++
		return false
	}
	c.odd[fmt.Sprint(status, " ", body)]++
	return true
}
