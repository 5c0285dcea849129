package verdictcache

import (
	"context"
	"errors"
	"maps"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/id2meta/id2meta"
)

// NewMemory returns a Store for one process, and for tests. It remembers at most
// maxEntries verdicts, of which each takes up to 300 bytes; the one that was not
// looked at for longest has to make room, and is asked about again. It forgets all
// when the process ends.
//
// Claims have no part in maxEntries, since to drop one would bill a person twice:
// there are as many as there are questions being asked. Times are measured by the
// monotonic clock, which no change of the machine's time moves.
//
// A maxEntries that is not positive is an error of [New], and of every method.
func NewMemory(maxEntries int) Store {
	verdicts, err := simplelru.NewLRU[Key, remembered](maxEntries, nil)
	return &memory{
		bad:      err != nil,
		start:    time.Now(),
		verdicts: verdicts,
		claims:   map[Key]claim{},
		sweepAt:  minSweep,
	}
}

type memory struct {
	bad   bool // it cannot be used
	start time.Time

	mu       sync.Mutex
	verdicts *simplelru.LRU[Key, remembered]
	claims   map[Key]claim
	sweepAt  int // claims, at which those that are over are cleared away
}

// Times are since start: 8 bytes, where a time.Time takes 24.
type remembered struct {
	verdict id2meta.Result
	until   time.Duration
}

type claim struct {
	claimer Claimer
	until   time.Duration
}

// minSweep is a number of claims that is not worth looking through.
const minSweep = 1024

func (m *memory) misuse() error {
	if m.bad {
		return errors.New("verdictcache: NewMemory: maxEntries is not positive")
	}
	return nil
}

// enter locks m, and returns the time.
func (m *memory) enter(ctx context.Context) (now time.Duration, err error) {
	if err := m.misuse(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	return time.Since(m.start), nil
}

func (m *memory) Load(ctx context.Context, key Key) (Entry, error) {
	now, err := m.enter(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer m.mu.Unlock()
	if v, ok := m.verdicts.Get(key); ok && now < v.until {
		return Entry{Verdict: v.verdict}, nil
	}
	c, ok := m.claims[key]
	return Entry{Claimed: ok && now < c.until}, nil
}

func (m *memory) Claim(ctx context.Context, key Key, claimer Claimer, lease time.Duration) (bool, error) {
	now, err := m.enter(ctx)
	if err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if v, ok := m.verdicts.Peek(key); ok && now < v.until && isVerdict(v.verdict) {
		return false, nil
	}
	if c, ok := m.claims[key]; ok && now < c.until && c.claimer != claimer {
		return false, nil
	}
	m.verdicts.Remove(key)
	m.sweep(now)
	m.claims[key] = claim{claimer, after(now, lease)}
	return true, nil
}

func (m *memory) Renew(ctx context.Context, key Key, claimer Claimer, lease time.Duration) (bool, error) {
	now, err := m.enter(ctx)
	if err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if !m.holds(key, claimer) {
		return false, nil
	}
	m.claims[key] = claim{claimer, after(now, lease)}
	return true, nil
}

func (m *memory) Save(ctx context.Context, key Key, claimer Claimer, verdict id2meta.Result, lifetime time.Duration) (bool, error) {
	now, err := m.enter(ctx)
	if err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if !m.holds(key, claimer) {
		return false, nil
	}
	delete(m.claims, key)
	verdict.RequestID = strings.Clone(verdict.RequestID) // it may be a part of something large
	m.verdicts.Add(key, remembered{verdict, after(now, lifetime)})
	return true, nil
}

func (m *memory) Release(ctx context.Context, key Key, claimer Claimer) error {
	if _, err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if m.holds(key, claimer) {
		delete(m.claims, key)
	}
	return nil
}

func (m *memory) Delete(ctx context.Context, key Key) error {
	if _, err := m.enter(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.verdicts.Remove(key)
	delete(m.claims, key)
	return nil
}

func (m *memory) holds(key Key, claimer Claimer) bool {
	c, ok := m.claims[key]
	return ok && c.claimer == claimer
}

// sweep clears away claims that are over and that nobody asks about again. A Cache
// leaves none; another user of the Store might.
func (m *memory) sweep(now time.Duration) {
	if len(m.claims) < m.sweepAt {
		return
	}
	maps.DeleteFunc(m.claims, func(_ Key, c claim) bool { return c.until <= now })
	m.sweepAt = max(minSweep, 2*len(m.claims))
}

// after does not overflow.
func after(now, d time.Duration) time.Duration {
	if d > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + d
}
