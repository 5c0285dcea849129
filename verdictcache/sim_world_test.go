package verdictcache_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// The simulation runs several processes, each with a Cache, on one Store and one
// service, in the virtual time of testing/synctest. Everything that happens is drawn
// from a seed. Whether a step fails is drawn from the seed and the moment, and not from
// a common stream of random numbers, so that the order of goroutines does not matter.

// plan says what can go wrong in a history. Its fields are probabilities per step, or
// per call, or say whether something happens at all.
type plan struct {
	processes, clients, people, actions int

	storeErrors float64 // a step fails and was not taken
	storeUnsaid float64 // a step fails although it was taken
	storeDenies float64 // a swap was taken, and the Store says it was not
	storeHangs  float64 // a step does not answer; it may be taken, at once or much later
	losses      bool    // the Store loses a value, or everything
	tampering   bool    // somebody writes the Store

	deaths       bool
	shortFreezes bool // shorter than what a caller with time waits for a step
	longFreezes  bool
	clocks       bool // the clocks of processes and Store jump by a day

	serviceErrors float64
	serviceHangs  float64 // a call is never answered
	impatient     bool    // callers with little time
	forgetting    bool
	failClosed    bool
	rotated       bool // the Store has verdicts under a previous hashKey
}

// newPlan draws a plan. One history in four has no fault at all, and most have few kinds
// of faults, since each kind excuses something.
func newPlan(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 0))
	p := plan{
		processes: 2 + r.IntN(3),
		clients:   1 + r.IntN(3),
		people:    1 + r.IntN(3),
		actions:   4 + r.IntN(8),
		impatient: r.IntN(2) == 0,
		rotated:   r.IntN(4) == 0,
	}
	some := func() bool { return r.IntN(5) == 0 }
	rate := func() float64 {
		if !some() {
			return 0
		}
		return 0.02 + 0.3*r.Float64()
	}
	if r.IntN(4) == 0 {
		return p
	}
	p.storeErrors, p.storeUnsaid, p.storeDenies, p.storeHangs = rate(), rate(), rate(), rate()
	p.serviceErrors, p.serviceHangs = rate(), rate()/4
	p.losses, p.tampering, p.clocks = some(), some(), some()
	p.deaths, p.shortFreezes, p.longFreezes = some(), some(), some()
	p.forgetting, p.failClosed = r.IntN(3) == 0, some()
	return p
}

// Times of the simulation.
const (
	simLease       = 15*time.Second + 3*time.Millisecond // about the default
	simMatchTTL    = 48 * time.Hour
	simNegativeTTL = 24 * time.Hour // the default
	simMaxStep     = 20 * time.Millisecond
	simMaxAnswer   = 25 * time.Second
	simMaxFreeze   = 60 * time.Second
	simGuard       = time.Hour // nobody waits for so long
)

type world struct {
	plan
	seed    uint64
	began   time.Time
	store   *simStore
	service *simService
	persons []id2meta.Param
	end     chan struct{} // closed when all is over
	log     *logBuffer

	mu        sync.Mutex
	all       []*process // also those that died
	current   []*process
	incidents []incident
	forgets   []*forgotten
	problems  []string
	digest    uint64
	history   []string // of one seed, to be read
}

// incident is a fault, which excuses something: that a person is asked about again, or
// that somebody waits.
type incident struct {
	at     time.Time
	person int // or everybody
	again  int // how many calls it excuses
	delay  time.Duration
}

const everybody = -1

// forgotten is a Forget, and done is zero until it returns.
type forgotten struct {
	person        int
	began, done   time.Time
	failed, ended bool
}

func newWorld(seed uint64) *world {
	w := &world{plan: newPlan(seed), seed: seed, began: time.Now(), end: make(chan struct{}), log: new(logBuffer)}
	w.persons = people(w.people)
	w.store = &simStore{w: w, values: map[verdictcache.Key]simValue{}}
	w.service = &simService{w: w}
	if w.rotated {
		for person := range w.persons {
			w.service.before(person)
		}
	}
	for range w.processes {
		w.current = append(w.current, w.newProcess())
	}
	return w
}

// draw returns random numbers that belong to what happens at this moment.
func (w *world) draw(what ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, w.seed, time.Since(w.began), what)
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

// happened adds to the digest of the history, in which the order at one moment does not
// matter.
func (w *world) happened(format string, args ...any) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%v "+format, append([]any{time.Since(w.began)}, args...)...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.digest += h.Sum64()
	if *simSeeds == 1 {
		w.history = append(w.history, fmt.Sprintf("%v "+format, append([]any{time.Since(w.began)}, args...)...))
	}
}

func (w *world) problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problemLocked(format, args...)
}

func (w *world) problemLocked(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf("after %v: ", time.Since(w.began))+fmt.Sprintf(format, args...))
}

func (w *world) incident(person, again int, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.incidents = append(w.incidents, incident{time.Now(), person, again, delay})
}

// excusedLocked is how many calls about person the incidents excuse.
func (w *world) excusedLocked(person int) (again int) {
	for _, i := range w.incidents {
		if i.person == person || i.person == everybody {
			again += i.again
		}
	}
	return again
}

// process is one process with its Cache.
type process struct {
	w      *world
	id     int
	cache  *verdictcache.Cache
	ctx    context.Context // ends when it dies
	kill   context.CancelFunc
	given  int // verdicts; guarded by w.mu
	dead   bool
	frozen time.Time     // until then; guarded by w.mu
	skew   time.Duration // of its clock; guarded by w.mu
}

func (w *world) newProcess() *process {
	p := &process{w: w, id: len(w.all)}
	p.ctx, p.kill = context.WithCancel(context.Background())
	opts := []verdictcache.Option{
		verdictcache.WithMatchTTL(simMatchTTL),
		verdictcache.WithLease(simLease),
		verdictcache.WithLogger(slog.New(slog.NewTextHandler(w.log, nil))),
	}
	if w.failClosed {
		opts = append(opts, verdictcache.WithFailClosed())
	}
	if w.rotated {
		opts = append(opts, verdictcache.WithPreviousHashKeys(oldKey))
	}
	cache, err := verdictcache.New(simVerifier{p}, simHandle{p}, hashKey, opts...)
	if err != nil {
		panic(err)
	}
	cache.SetClock(func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return time.Now().Add(p.skew)
	})
	p.cache = cache
	w.all = append(w.all, p)
	return p
}

// pass waits while p is frozen, and reports whether p lives. What waits to pass says who it
// is, so that all who wait go on in an order that the seed decides.
func (p *process) pass(who ...any) bool {
	for {
		p.w.mu.Lock()
		dead, left := p.dead, time.Until(p.frozen)
		p.w.mu.Unlock()
		if dead || left <= 0 {
			return !dead
		}
		time.Sleep(left + time.Duration(p.w.draw("pass", p.id, who).IntN(int(time.Millisecond))))
	}
}

// run lets everything happen, and returns what went wrong.
func (w *world) run() (problems []string, digest uint64) {
	var clients sync.WaitGroup
	for slot := range w.processes {
		for client := range w.clients {
			clients.Go(func() { w.client(slot, client) })
		}
	}
	chaos := make(chan struct{})
	go func() {
		defer close(chaos)
		w.chaos()
	}()
	clients.Wait()
	close(w.end)
	<-chaos
	time.Sleep(10 * time.Minute) // what goes on without callers ends, too
	w.checkStats()
	w.mu.Lock()
	defer w.mu.Unlock()
	if *simSeeds == 1 {
		fmt.Printf("%+v\n%s\n%s", w.plan, strings.Join(w.history, "\n"), w.log)
	}
	return w.problems, w.digest
}

// client does some actions in the process that has the slot.
func (w *world) client(slot, id int) {
	r := rand.New(rand.NewPCG(w.seed, uint64(1+slot*10+id)))
	for range w.actions {
		time.Sleep(gap(r))
		w.mu.Lock()
		p := w.current[slot]
		w.mu.Unlock()
		person := r.IntN(len(w.persons))
		var timeout time.Duration
		if w.impatient && r.IntN(3) == 0 {
			timeout = 200*time.Millisecond + time.Duration(r.Int64N(int64(20*time.Second)))
		}
		if w.forgetting && r.IntN(8) == 0 {
			w.forget(p, person)
		} else {
			w.verify(p, person, timeout)
		}
	}
}

// gap is the time between two actions: mostly short, so that questions meet, and
// sometimes long, so that verdicts expire.
func gap(r *rand.Rand) time.Duration {
	longest := []time.Duration{time.Second / 5, time.Second / 5, 5 * time.Second, 30 * time.Second, 5 * time.Minute}[r.IntN(5)]
	if r.IntN(20) == 0 {
		longest = 30 * time.Hour
	}
	return time.Duration(1 + r.Int64N(int64(longest)))
}

func (w *world) verify(p *process, person int, timeout time.Duration) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	if timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	guard := time.AfterFunc(simGuard, func() {
		w.problem("a Verify has not ended")
		cancel()
	})
	began := time.Now()
	result, err := p.cache.Verify(ctx, w.persons[person])
	guard.Stop()
	if p.ctx.Err() != nil {
		return // it died, and nobody hears of it
	}
	w.happened("process %d: person %d: %v %v", p.id, person, result, err)
	if err == nil {
		w.mu.Lock()
		p.given++
		w.mu.Unlock()
		w.checkVerdict(person, result, began)
	} else {
		w.checkError(err, ctx)
	}
	w.checkTime(person, began, timeout)
}

func (w *world) forget(p *process, person int) {
	w.mu.Lock()
	f := &forgotten{person: person, began: time.Now()}
	w.forgets = append(w.forgets, f)
	w.mu.Unlock()
	err := p.cache.Forget(p.ctx, w.persons[person])
	w.mu.Lock()
	defer w.mu.Unlock()
	f.done, f.failed, f.ended = time.Now(), err != nil, true
}

// chaos is what happens to processes and Store from outside.
func (w *world) chaos() {
	r := rand.New(rand.NewPCG(w.seed, 1_000_000))
	var kinds []func(*rand.Rand)
	for _, kind := range []struct {
		happens bool
		do      func(*rand.Rand)
	}{
		{w.losses, w.lose}, {w.tampering, w.tamper}, {w.deaths, w.die},
		{w.shortFreezes, w.freezeShort}, {w.longFreezes, w.freezeLong}, {w.clocks, w.jump},
	} {
		if kind.happens {
			kinds = append(kinds, kind.do)
		}
	}
	if len(kinds) == 0 {
		return
	}
	for range 3 + r.IntN(20) {
		select {
		case <-w.end:
			return
		case <-time.After(gap(r)):
		}
		kinds[r.IntN(len(kinds))](r)
	}
}

func (w *world) lose(r *rand.Rand) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if r.IntN(2) == 0 {
		clear(w.store.values)
		w.incident(everybody, 2, 0)
		return
	}
	person := r.IntN(len(w.persons))
	for _, key := range w.keys(person) {
		delete(w.store.values, key)
	}
	w.incident(person, 2, 0)
}

func (w *world) keys(person int) []verdictcache.Key {
	return []verdictcache.Key{verdictcache.KeyOf(hashKey, w.persons[person]), verdictcache.KeyOf(oldKey, w.persons[person])}
}

// tamper writes the Store as somebody would who has access to it, and no hashKey.
func (w *world) tamper(r *rand.Rand) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	person := r.IntN(len(w.persons))
	key := w.keys(person)[r.IntN(2)]
	var value []byte
	if len(w.store.written) > 0 { // a value from another time, and perhaps from another place
		value = slices.Clone(w.store.written[r.IntN(len(w.store.written))])
		if r.IntN(3) == 0 {
			value[r.IntN(len(value))] ^= 1 << r.IntN(8)
		}
	} else {
		value = []byte("1")
	}
	w.store.values[key] = simValue{value, time.Now().Add(1000 * time.Hour)}
	w.incident(person, 2, 2*simLease)
}

func (w *world) die(r *rand.Rand) {
	w.incident(everybody, 2, 3*simLease)
	w.mu.Lock()
	defer w.mu.Unlock()
	slot := r.IntN(len(w.current))
	w.current[slot].dead = true
	w.current[slot].kill()
	w.current[slot] = w.newProcess()
}

func (w *world) freezeShort(r *rand.Rand) {
	d := time.Duration(r.Int64N(int64(2500 * time.Millisecond)))
	again := 0
	if w.impatient { // a caller without time takes it for a Store that hangs
		again = 2
	}
	w.incident(everybody, again, 2*d)
	w.freeze(r, d)
}

func (w *world) freezeLong(r *rand.Rand) {
	d := time.Duration(r.Int64N(int64(simMaxFreeze)))
	w.incident(everybody, 2, 2*d+3*simLease)
	w.freeze(r, d)
}

func (w *world) freeze(r *rand.Rand, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.current[r.IntN(len(w.current))]
	if time.Now().After(p.frozen.Add(simLease)) { // two short freezes in a row would be a long one
		p.frozen = time.Now().Add(d)
	}
}

func (w *world) jump(r *rand.Rand) {
	d := 24 * time.Hour * time.Duration(1-2*r.IntN(2))
	if r.IntN(3) == 0 {
		w.store.mu.Lock()
		defer w.store.mu.Unlock()
		w.store.skew += d
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.current[r.IntN(len(w.current))].skew += d
}
