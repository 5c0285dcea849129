package verdictcache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/progress"
	"github.com/id2meta/id2meta/verdictcache"
)

// simStore is the Store of all processes.
type simStore struct {
	w *world

	mu      sync.Mutex
	values  map[verdictcache.Key]simValue
	written [][]byte // all that was ever there, for whoever tampers
	skew    time.Duration
}

type simValue struct {
	value []byte
	until time.Time
}

func (s *simStore) load(key verdictcache.Key) []byte {
	v := s.values[key]
	if v.value == nil || !time.Now().Add(s.skew).Before(v.until) {
		return nil
	}
	return slices.Clone(v.value)
}

func (s *simStore) compareAndSwap(key verdictcache.Key, old, new []byte, ttl time.Duration) bool {
	now := s.load(key)
	if (now == nil) != (old == nil) || !bytes.Equal(now, old) {
		return false
	}
	if new == nil {
		delete(s.values, key)
		return true
	}
	s.values[key] = simValue{slices.Clone(new), time.Now().Add(s.skew + ttl)}
	s.written = append(s.written, slices.Clone(new))
	return true
}

// simHandle is the Store as one process reaches it.
type simHandle struct{ p *process }

var errSim = errors.New("a fault of the simulated store")

func (h simHandle) Load(ctx context.Context, key verdictcache.Key) ([]byte, error) {
	var value []byte // not to be looked at after an error: the step may be taken later
	err := h.step(ctx, "Load", key, func(s *simStore) { value = s.load(key) })
	if err != nil {
		return nil, err
	}
	return value, nil
}

func (h simHandle) CompareAndSwap(ctx context.Context, key verdictcache.Key, old, new []byte, ttl time.Duration) (bool, error) {
	var swapped bool
	err := h.step(ctx, "CompareAndSwap", key, func(s *simStore) { swapped = s.compareAndSwap(key, old, new, ttl) })
	w := h.p.w
	switch {
	case err != nil:
		return false, err
	case swapped && w.draw("deny", h.p.id, key).Float64() < w.storeDenies:
		w.happened("process %d: a swap is denied", h.p.id)
		return false, nil
	}
	w.happened("process %d: swapped %v", h.p.id, swapped)
	return swapped, nil
}

func (h simHandle) Delete(ctx context.Context, key verdictcache.Key) error {
	return h.step(ctx, "Delete", key, func(s *simStore) { delete(s.values, key) })
}

// step takes one step, or does not, and says so, or does not.
func (h simHandle) step(ctx context.Context, name string, key verdictcache.Key, take func(*simStore)) error {
	p, w, s := h.p, h.p.w, h.p.w.store
	locked := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		take(s)
	}
	if !p.pass("there", name, key) {
		<-ctx.Done()
		return ctx.Err()
	}
	r := w.draw(name, p.id, key)
	trip := func() time.Duration { return time.Duration(1 + r.Int64N(int64(simMaxStep/2))) }
	there, back, fault := trip(), trip(), r.Float64()
	if !pause(ctx, there) {
		return ctx.Err()
	}
	switch {
	case fault < w.storeErrors:
		w.happened("process %d: %s of %d fails", p.id, name, w.person(key))
		w.incident(w.person(key), 2, time.Second)
		return errSim
	case fault < w.storeErrors+w.storeUnsaid:
		w.happened("process %d: %s of %d fails, and was taken", p.id, name, w.person(key))
		locked()
		if name != "CompareAndSwap" || w.rotated {
			// Nobody knows what was loaded. A claim that fails is no reason to look under
			// the previous hashKey.
			w.incident(w.person(key), 2, time.Second)
		}
		return errSim
	case fault < w.storeErrors+w.storeUnsaid+w.storeHangs:
		w.happened("process %d: %s of %d hangs", p.id, name, w.person(key))
		w.incident(w.person(key), 2, simLease+5*time.Second)
		h.hang(ctx, r, locked)
		return ctx.Err()
	}
	locked()
	w.happened("process %d: %s of %d", p.id, name, w.person(key))
	if !pause(ctx, back) {
		return ctx.Err()
	}
	if !p.pass("back", name, key) {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// hang waits for the end of ctx. The step is taken before, or later, or never.
func (h simHandle) hang(ctx context.Context, r *rand.Rand, locked func()) {
	switch r.IntN(3) {
	case 0:
		locked()
	case 1:
		late := time.Duration(1 + r.Int64N(int64(time.Minute)))
		go func() {
			time.Sleep(late)
			locked()
		}()
	}
	<-ctx.Done()
	h.p.pass("hang")
}

// person is whom key stands for.
func (w *world) person(key verdictcache.Key) int {
	for person := range w.persons {
		if slices.Contains(w.keys(person), key) {
			return person
		}
	}
	panic("nobody has this key")
}

// pause reports whether d passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// simService knows the truth about each person. The truth changes whenever somebody
// begins to forget the person.
type simService struct {
	w     *world
	calls []*call // guarded by w.mu
}

// call is a request that was sent.
type call struct {
	id      string
	person  int
	verdict id2meta.BizCode
	claimed time.Time // when its flight had the claim, at the earliest
	asked   time.Time
	ended   time.Time // zero: not yet
	ok      bool      // it brought a verdict
	wasted  bool      // it was left, although the verdict would have come
	late    bool      // its lease ended before the verdict came
	hangs   bool
	lost    bool // a fault has lost its claim or its verdict
}

func (s *simService) truthLocked(person int) id2meta.BizCode {
	n := person
	for _, f := range s.w.forgets {
		if f.person == person {
			n++
		}
	}
	return []id2meta.BizCode{id2meta.BizCodeMatch, id2meta.BizCodeMismatch, id2meta.BizCodeNoRecord}[n%3]
}

// before makes a verdict that the Store has from the time of a previous hashKey.
func (s *simService) before(person int) {
	now := time.Now()
	c := &call{id: fmt.Sprintf("person %d before", person), person: person, verdict: s.truthLocked(person), claimed: now, asked: now, ended: now, ok: true}
	s.calls = append(s.calls, c)
	key := verdictcache.KeyOf(oldKey, s.w.persons[person])
	value := verdictcache.SealVerdict(oldKey, key, id2meta.Result{BizCode: c.verdict, RequestID: c.id}, now)
	s.w.store.values[key] = simValue{value, now.Add(c.ttl())}
}

func (c *call) ttl() time.Duration {
	if c.verdict == id2meta.BizCodeMatch {
		return simMatchTTL
	}
	return simNegativeTTL
}

// simVerifier is the service as one process reaches it: by a client that waits for a
// limiter, reports when it sends, and tries again once.
type simVerifier struct{ p *process }

var (
	errService = errors.New("a fault of the simulated service")
	errNotSent = errors.New("the simulated client had no time left")
)

func (v simVerifier) Verify(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
	w := v.p.w
	person := slices.Index(w.persons, param)
	claimed := time.Now().Add(-3 * simMaxStep) // at the earliest: a step or two ago
	report := progress.Start(ctx)
	var before *call // the first attempt
	for {
		report(progress.State{})
		r := w.draw("attempt", v.p.id, person)
		if wait := time.Duration(r.Int64N(int64(2 * time.Second))); r.IntN(3) == 0 && !pause(ctx, wait) {
			return id2meta.Result{}, fmt.Errorf("%w: %w", errNotSent, ctx.Err())
		}
		report(onItsWay)
		if ctx.Err() != nil {
			return id2meta.Result{}, fmt.Errorf("%w: %w", errNotSent, ctx.Err())
		}
		if !v.p.pass("ask", person) {
			<-w.end
			return id2meta.Result{}, errService
		}
		c := w.service.begin(v.p, person, claimed, before)
		result, again, err := v.attempt(ctx, c, r)
		if !again || before != nil {
			return result, err
		}
		before = c
	}
}

func (v simVerifier) attempt(ctx context.Context, c *call, r *rand.Rand) (result id2meta.Result, again bool, err error) {
	w, person := v.p.w, c.person
	w.happened("process %d asks about person %d", v.p.id, person)
	answer := time.Duration(1 + r.Int64N(int64([]time.Duration{time.Second / 20, time.Second, simMaxAnswer}[r.IntN(3)])))
	fault := r.Float64()
	if fault < w.serviceHangs {
		w.mu.Lock()
		c.hangs = true
		w.mu.Unlock()
		w.incident(person, 2, 3*simLease) // others wait for the lease of each such call
		<-w.end
		return id2meta.Result{}, false, errService
	}
	inTime := pause(ctx, answer)
	w.happened("process %d has an answer about person %d, in time %v", v.p.id, person, inTime)
	if !v.p.pass("answer", person) {
		<-w.end
		return id2meta.Result{}, false, errService
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c.ended = time.Now()
	switch {
	case !inTime && errors.Is(ctx.Err(), context.DeadlineExceeded):
		c.late = true
		return id2meta.Result{}, false, fmt.Errorf("%w (%w)", ctx.Err(), id2meta.ErrMaybeBilled)
	case !inTime:
		c.wasted = true
		return id2meta.Result{}, false, ctx.Err()
	case fault < w.serviceHangs+w.serviceErrors:
		return id2meta.Result{}, true, errService
	}
	c.ok = true
	return id2meta.Result{BizCode: c.verdict, RequestID: c.id}, false, nil
}

// begin notes a call, and checks that there is a reason for it. The client decides about a
// second attempt, and not the Cache: what a fault has lost of the attempt before, it has lost
// of the second, too.
func (s *simService) begin(p *process, person int, claimed time.Time, before *call) *call {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	c := &call{id: fmt.Sprintf("person %d call %d", person, len(s.calls)), person: person, verdict: s.truthLocked(person), claimed: claimed, asked: now}
	if before != nil {
		c.lost = before.lost
	} else if why := s.needlessLocked(c); why != "" {
		s.countNeedlessLocked(p, person, why)
	}
	s.calls = append(s.calls, c)
	return c
}
