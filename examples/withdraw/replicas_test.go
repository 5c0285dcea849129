package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/internal/testenv"
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
		c.replicas = append(c.replicas, startReplica(t, simulator, fmt.Sprintf("replica-%d", i), "-db", address, "-redis", redis.DSN()))
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
			time.Sleep(delay)
			c.withdraw(ctx, n)
		})
	}
	var down, up time.Time // of the database
	for i := range replicaKill {
		time.Sleep(500*time.Millisecond + time.Duration(random.IntN(700))*time.Millisecond)
		c.replicas[random.IntN(replicas)].signal(syscall.SIGKILL, false)
		if i == replicaKill/2 {
			down = time.Now()
			server.Stop()
			c.away.Store(true)
			time.Sleep(outage)
			c.away.Store(false)
			server.Start()
			up = time.Now()
		}
	}
	group.Wait()
	t.Logf("all are answered after %v; the database was away for %v", time.Since(started).Round(time.Millisecond), up.Sub(down).Round(time.Millisecond))
	require.NoError(t, ctx.Err(), "not all are answered; %v", c.odd)
	var log string
	for _, r := range c.replicas {
		r.ready(t)
		r.signal(syscall.SIGTERM, true)
		require.NoError(t, r.wait(), r.stderr.String())
		log += r.stderr.String()
	}

	t.Run("no answer is another than paid or try again", func(t *testing.T) {
		t.Logf("%d try again, %d connections lost", c.tryAgain, c.lost)
		require.Empty(t, c.odd, regexp.MustCompile(`.*level=ERROR.*`).FindAllString(log, 5))
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
		killed := map[string]time.Time{}
		for _, r := range c.replicas {
			for id, at := range r.killed {
				killed[id] = at
			}
		}
		people := map[string][]id2metatest.Call{}
		for _, call := range simulator.Calls() {
			if call.Person != "" { // it is of Client.Check, when a replica starts
				people[call.Person] = append(people[call.Person], call)
			}
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

// crowd is all users and what they were answered.
type crowd struct {
	client   *http.Client
	replicas []*replica
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
			for try := first; ctx.Err() == nil && !c.try(ctx, n, c.replicas[try%replicas]); try++ {
				time.Sleep(200 * time.Millisecond)
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

// get returns an answer, or 0 if there is none.
func get(ctx context.Context, url string) (status int, body string) {
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return 0, err.Error()
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	content, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(content)
}

// replica is the program as a process, which is started again whenever it ends, as
// an orchestrator would.
type replica struct {
	base    string // of its URLs
	command func() (cmd *exec.Cmd, accessKeyID string)
	stderr  testenv.Buffer
	ended   chan struct{} // for good
	err     error         // how it ended

	mu          sync.Mutex
	cmd         *exec.Cmd
	accessKeyID string
	stopping    bool
	killed      map[string]time.Time // by access key ID
}

// startReplica starts one that asks the simulator. Each of its processes has an
// access key of its own, so that the simulator tells them apart.
func startReplica(t *testing.T, simulator *id2metatest.Server, name string, args ...string) *replica {
	t.Helper()
	dir := t.TempDir()
	certificate := filepath.Join(dir, "simulator.pem")
	require.NoError(t, os.WriteFile(certificate, simulator.CertificatePEM(), 0o600))
	address := freeAddress(t)
	args = append(args, "-live", "-listen", address, "-endpoint", simulator.Endpoint())
	processes := 0
	r := &replica{base: "http://" + address, killed: map[string]time.Time{}, ended: make(chan struct{})}
	r.command = func() (*exec.Cmd, string) {
		processes++
		id := fmt.Sprintf("%s-%d", name, processes)
		simulator.AddCredential(id, id2metatest.AccessKeySecret, "")
		cmd := command(context.Background(), dir, []string{"SSL_CERT_FILE=" + certificate,
			"ALIBABA_CLOUD_ACCESS_KEY_ID=" + id, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + id2metatest.AccessKeySecret,
			hashKeyVariable + "=" + strings.Repeat("5a7b", 16)}, args...)
		cmd.Stderr = &r.stderr
		return cmd, id
	}
	go r.keep()
	t.Cleanup(func() {
		r.signal(syscall.SIGKILL, true)
		r.wait()
	})
	return r
}

// keep starts a process whenever there is none, until stopping.
func (r *replica) keep() {
	defer close(r.ended)
	for {
		r.mu.Lock()
		if r.stopping {
			r.mu.Unlock()
			return
		}
		r.cmd, r.accessKeyID = r.command()
		r.err = r.cmd.Start()
		r.mu.Unlock()
		if r.err != nil {
			return
		}
		r.err = r.cmd.Wait()
		time.Sleep(50 * time.Millisecond)
	}
}

// signal sends the process a signal, the last one if stopping.
func (r *replica) signal(s syscall.Signal, stopping bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping = r.stopping || stopping
	if s == syscall.SIGKILL {
		r.killed[r.accessKeyID] = time.Now()
	}
	if r.cmd != nil && r.cmd.Process != nil {
		r.cmd.Process.Signal(s)
	}
}

// wait returns how the replica ended at last.
func (r *replica) wait() error {
	<-r.ended
	return r.err
}

// ready waits until it can pay.
func (r *replica) ready(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, _ := get(t.Context(), r.base+"/readyz")
		return status == 200
	}, time.Minute, 20*time.Millisecond, "%s", &r.stderr)
}
