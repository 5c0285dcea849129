package verdictcache

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Memory is a [Store] for one process, and for tests. It loses everything when the process
// ends. It measures expiry by the monotonic clock, so a change of the machine's time does
// not matter.
type Memory struct {
	mu     sync.Mutex
	values *simplelru.LRU[Key, entry]
}

type entry struct {
	value   string
	expires time.Time
}

// NewMemory returns a Store that holds at most maxEntries values, one for each person.
// A person takes about 300 bytes. When the Store is full, a new value evicts the value
// that was used least recently, and that person is asked about again.
//
// The claim of a person who is being asked about is a value, too. So maxEntries has to
// be larger than the number of people who are asked about at the same time: if a claim
// is evicted, the verdict is not remembered.
func NewMemory(maxEntries int) (*Memory, error) {
	values, err := simplelru.NewLRU[Key, entry](maxEntries, nil)
	if err != nil {
		return nil, fmt.Errorf("verdictcache: NewMemory: maxEntries is %d, and has to be positive", maxEntries)
	}
	return &Memory{values: values}, nil
}

// Load implements [Store].
func (m *Memory) Load(ctx context.Context, key Key) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	value := m.find(key)
	if value == "" {
		return nil, nil
	}
	return []byte(value), nil
}

// CompareAndSwap implements [Store].
func (m *Memory) CompareAndSwap(ctx context.Context, key Key, old, new []byte, ttl time.Duration) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.find(key) != string(old) {
		return false, nil
	}
	if new == nil {
		m.values.Remove(key)
		return true, nil
	}
	m.values.Add(key, entry{string(new), time.Now().Add(ttl)})
	return true, nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, key Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values.Remove(key)
	return nil
}

// find returns the value of key, or "" if there is none. The caller holds m.mu.
func (m *Memory) find(key Key) string {
	e, ok := m.values.Get(key)
	if ok && !time.Now().Before(e.expires) {
		m.values.Remove(key)
		return ""
	}
	return e.value
}
