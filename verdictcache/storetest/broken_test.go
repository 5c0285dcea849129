package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/storetest"
)

// book is a Store as plain as it can be, with a place for each way to break it.
type book struct {
	mu      sync.Mutex
	entries map[verdictcache.Key]entry
	bug     bug
}

type entry struct {
	value []byte
	until time.Time
}

// bug is what is wrong with a book.
type bug struct {
	key   func(verdictcache.Key) verdictcache.Key
	value func([]byte) []byte // as it is kept
	alike func([]byte) []byte // what is compared
	ttl   func(time.Duration) time.Duration

	writeAnyway     bool // over a value that is there
	writeSame       bool // "written", if the same value is there
	replaceAnyway   bool // whatever the value is
	replaceNothing  bool // says it did, and did not
	replaceRevives  bool // writes where there is none
	replaceNever    bool
	removeAnyway    bool // whatever the value is
	removeNothing   bool
	removeEmpties   bool // leaves an empty value behind
	removeWantsTTL  bool
	deleteNothing   bool
	deleteMore      bool // everybody
	deleteIsStrict  bool // an error if there is nothing
	twoSteps        bool // to compare and to swap are two
	twoStepsNone    bool // the same, where there is none
	twoStepsRemove  bool // the same, for what is removed
	twoStepsExpired bool // the same, where a value has expired
	loadExpired     bool
	swapExpired     bool // an expired value can still be replaced
	expiredInTheWay bool // an expired value cannot be written over
	keepTTL         bool // of the value that is replaced
	neverShorter    bool // of two ttls the longer counts
	emptyForNone    bool
	clearsOld       bool // the caller's slice
	hangs           bool // on, when ctx has ended
	ignoresContext  bool
	endedIsTaken    bool // a step whose ctx has ended is taken, and then an error
	halfWritten     bool // when ctx ends
	checkFails      bool // although the Store remembers
}

// page is a Store of a book, with a clock of its own.
type page struct {
	*book
	skew time.Duration
}

func (p *page) now() time.Time { return time.Now().Add(p.skew) }

func newBook(b bug) *book {
	same := func(value []byte) []byte { return value }
	if b.key == nil {
		b.key = func(k verdictcache.Key) verdictcache.Key { return k }
	}
	if b.value == nil {
		b.value = same
	}
	if b.alike == nil {
		b.alike = same
	}
	if b.ttl == nil {
		b.ttl = func(d time.Duration) time.Duration { return d }
	}
	return &book{entries: map[verdictcache.Key]entry{}, bug: b}
}

func (p *page) begin(ctx context.Context) error {
	if p.bug.hangs && ctx.Err() != nil {
		time.Sleep(600 * time.Millisecond)
	}
	if p.bug.ignoresContext || p.bug.endedIsTaken {
		return nil
	}
	return ctx.Err()
}

func (p *page) end(ctx context.Context) error {
	if p.bug.endedIsTaken {
		return ctx.Err()
	}
	return nil
}

// find returns what is there and has not expired. The caller holds mu.
func (p *page) find(key verdictcache.Key) (entry, bool) {
	e, ok := p.entries[key]
	return e, ok && p.now().Before(e.until)
}

func (p *page) Load(ctx context.Context, key verdictcache.Key) ([]byte, error) {
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key = p.bug.key(key)
	e, ok := p.find(key)
	if p.bug.loadExpired {
		e, ok = p.entries[key]
	}
	switch {
	case !ok && p.bug.emptyForNone:
		return []byte{}, p.end(ctx)
	case !ok:
		return nil, p.end(ctx)
	}
	return append([]byte{}, e.value...), p.end(ctx)
}

func (p *page) CompareAndSwap(ctx context.Context, key verdictcache.Key, old, new []byte, ttl time.Duration) (bool, error) {
	if p.bug.removeWantsTTL && ttl <= 0 {
		return false, errors.New("the ttl is not positive")
	}
	if err := p.begin(ctx); err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key = p.bug.key(key)
	swapped := p.matches(key, old, new)
	if swapped {
		p.swap(ctx, key, new, ttl)
	}
	if p.bug.clearsOld {
		clear(old)
	}
	return swapped, p.end(ctx)
}

// matches reports whether the value is old, as far as the bug lets it see.
func (p *page) matches(key verdictcache.Key, old, new []byte) bool {
	e, ok := p.find(key)
	stale, any := p.entries[key]
	equal := bytes.Equal(p.bug.alike(e.value), p.bug.alike(old))
	two := p.bug.twoSteps && len(old) > 0 && new != nil || p.bug.twoStepsNone && len(old) == 0 && !any ||
		p.bug.twoStepsRemove && new == nil || p.bug.twoStepsExpired && any && !ok
	if two {
		p.mu.Unlock()
		time.Sleep(time.Millisecond)
		p.mu.Lock()
	}
	switch {
	case len(old) == 0 && p.bug.expiredInTheWay:
		return !any
	case len(old) == 0:
		return !ok || p.bug.writeAnyway || p.bug.writeSame && bytes.Equal(e.value, new)
	case !ok && any && p.bug.swapExpired && new != nil:
		return bytes.Equal(stale.value, old)
	case !ok:
		return p.bug.replaceRevives && len(new) > 0
	case len(new) == 0:
		return equal || p.bug.removeAnyway
	}
	return equal && !p.bug.replaceNever || p.bug.replaceAnyway
}

func (p *page) swap(ctx context.Context, key verdictcache.Key, new []byte, ttl time.Duration) {
	e, ok := p.find(key)
	if len(new) == 0 {
		switch {
		case p.bug.removeNothing:
		case p.bug.removeEmpties:
			p.entries[key] = entry{[]byte{}, e.until}
		default:
			delete(p.entries, key)
		}
		return
	}
	if ok && p.bug.replaceNothing {
		return
	}
	until := p.now().Add(p.bug.ttl(ttl))
	if ok && (p.bug.keepTTL || p.bug.neverShorter && until.Before(e.until)) {
		until = e.until
	}
	value := slices.Clone(p.bug.value(new))
	if deadline, ok := ctx.Deadline(); ok && p.bug.halfWritten && time.Until(deadline) < time.Second {
		value = value[:len(value)/2]
	}
	p.entries[key] = entry{value, until}
}

func (p *page) Delete(ctx context.Context, key verdictcache.Key) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key = p.bug.key(key)
	_, ok := p.entries[key]
	switch {
	case p.bug.deleteNothing:
	case p.bug.deleteIsStrict && !ok:
		return errors.New("there is nothing")
	case p.bug.deleteMore:
		clear(p.entries)
	default:
		delete(p.entries, key)
	}
	return p.end(ctx)
}

// Check is the optional method of a Store.
func (p *page) Check(ctx context.Context) error {
	if p.bug.checkFails {
		return errors.New("the Store forgets")
	}
	return ctx.Err()
}

// The names of the sub-tests.
const (
	comesBack   = "a_value_comes_back_as_it_was"
	writes      = "a_value_is_written_only_where_there_is_none,_if_old_is_nil"
	replaces    = "a_value_is_replaced_only_if_it_is_old"
	removes     = "a_value_is_removed_only_if_it_is_old"
	keys        = "keys_that_differ_in_one_byte_differ"
	deletes     = "Delete_removes_the_value,_whatever_it_is"
	writeRace   = "of_many_who_write_one_succeeds"
	replaceRace = "of_many_who_replace_one_succeeds"
	removeRace  = "of_many_who_remove_one_succeeds"
	expires     = "an_expired_value_is_none"
	expiredRace = "of_many_who_write_over_an_expired_value_one_succeeds"
	ttlAnew     = "a_swap_starts_the_ttl_anew"
	ttls        = "a_ttl_may_be_long_or_short"
	slicesStay  = "a_slice_stays_as_it_was_given"
	ended       = "a_context_that_has_ended_ends_the_call"
	check       = "Cache.Check_finds_that_the_Store_remembers"
	ending      = "a_context_that_ends_during_a_call_does_no_harm"
)

type (
	ofKey   = func(verdictcache.Key) verdictcache.Key
	ofValue = func([]byte) []byte
	ofTTL   = func(time.Duration) time.Duration
)

// broken are Stores of which each has one fault, and the sub-test of Run that must
// find it.
var broken = []struct {
	fault string
	bug   bug
	skew  time.Duration // of the clock of every second Store
	found string
}{
	{"a value without white space around it", bug{value: ofValue(bytes.TrimSpace)}, 0, comesBack},
	{"a value of 1023 bytes", bug{value: func(v []byte) []byte { return v[:min(len(v), 1023)] }}, 0, comesBack},
	{"a value without zeros at its end", bug{value: func(v []byte) []byte { return bytes.TrimRight(v, "\x00") }}, 0, comesBack},
	{"a value is UTF-8 repaired", bug{value: func(v []byte) []byte { return bytes.ToValidUTF8(v, []byte("\uFFFD")) }}, 0, comesBack},
	{"a value loses its backslashes", bug{value: func(v []byte) []byte { return bytes.ReplaceAll(v, []byte(`\`), nil) }}, 0, comesBack},
	{"values are compared without case", bug{alike: ofValue(bytes.ToLower)}, 0, replaces},
	{"values are compared by their length", bug{alike: func(v []byte) []byte { return make([]byte, len(v)) }}, 0, replaces},
	{"no value is an empty value", bug{emptyForNone: true}, 0, writes},
	{"a value is written over another", bug{writeAnyway: true}, 0, writes},
	{"a value is written twice, if it is the same", bug{writeSame: true}, 0, writes},
	{"a value is replaced whatever it is", bug{replaceAnyway: true}, 0, replaces},
	{"a value is replaced where there is none", bug{replaceRevives: true}, 0, replaces},
	{"a value is not replaced, and said to be", bug{replaceNothing: true}, 0, replaces},
	{"a value is never replaced", bug{replaceNever: true}, 0, replaces},
	{"a value is removed whatever it is", bug{removeAnyway: true}, 0, removes},
	{"a value is not removed, and said to be", bug{removeNothing: true}, 0, removes},
	{"what is removed becomes an empty value", bug{removeEmpties: true}, 0, removes},
	{"nothing is removed without a ttl", bug{removeWantsTTL: true}, 0, removes},
	{"two write at once", bug{twoStepsNone: true}, 0, writeRace},
	{"two replace at once", bug{twoSteps: true}, 0, replaceRace},
	{"two remove at once", bug{twoStepsRemove: true}, 0, removeRace},
	{"two write over an expired value at once", bug{twoStepsExpired: true}, 0, expiredRace},
	{"an expired value is loaded", bug{loadExpired: true}, 0, expires},
	{"an expired value is replaced", bug{swapExpired: true}, 0, expires},
	{"an expired value is in the way", bug{expiredInTheWay: true}, 0, expires},
	{"nothing ever expires", bug{ttl: ofTTL(func(d time.Duration) time.Duration { return d + time.Hour })}, 0, expires},
	{"whole seconds, rounded up", bug{ttl: ofTTL(func(d time.Duration) time.Duration { return d.Truncate(time.Second) + time.Second })}, 0, expires},
	{"the clock of every second caller is a second fast", bug{}, time.Second, expires},
	{"the clock of every second caller is a second slow", bug{}, -time.Second, expires},
	{"the clock of every second caller is an hour fast", bug{}, time.Hour, writes},
	{"a swap keeps the ttl", bug{keepTTL: true}, 0, ttlAnew},
	{"a ttl never becomes shorter", bug{neverShorter: true}, 0, ttlAnew},
	{"milliseconds in 31 bits", bug{ttl: ofTTL(func(d time.Duration) time.Duration { return time.Duration(int32(d.Milliseconds())) * time.Millisecond })}, 0, ttls},
	{"microseconds for milliseconds", bug{ttl: ofTTL(func(d time.Duration) time.Duration { return d / 1e6 })}, 0, ttlAnew},
	{"a key is cut short by a byte", bug{key: func(k verdictcache.Key) verdictcache.Key { k[31] = 0; return k }}, 0, keys},
	{"a key begins a byte late", bug{key: func(k verdictcache.Key) verdictcache.Key { k[0] = 0; return k }}, 0, keys},
	{"a key ends with its first zero", bug{key: inKeys(cString)}, 0, keys},
	{"a key is in lower case", bug{key: inKeys(bytes.ToLower)}, 0, keys},
	{"a key is UTF-8 repaired", bug{key: inKeys(func(k []byte) []byte { return bytes.ToValidUTF8(k, []byte("\uFFFD")) })}, 0, keys},
	{"Delete does nothing", bug{deleteNothing: true}, 0, deletes},
	{"Delete removes everybody", bug{deleteMore: true}, 0, deletes},
	{"Delete of nothing is an error", bug{deleteIsStrict: true}, 0, deletes},
	{"the old value is cleared after use", bug{clearsOld: true}, 0, slicesStay},
	{"a step hangs on after its context", bug{hangs: true}, 0, ended},
	{"a context that has ended is not seen", bug{ignoresContext: true}, 0, ended},
	{"a context that has ended is seen after the step", bug{endedIsTaken: true}, 0, ended},
	{"Check of the Store fails", bug{checkFails: true}, 0, check},
	{"a value is not replaced, and said to be so", bug{replaceNothing: true}, 0, check},
	{"a step is cut in two by its context", bug{halfWritten: true}, 0, ending},
}

// inKeys changes the bytes of a key.
func inKeys(f func([]byte) []byte) ofKey {
	return func(k verdictcache.Key) (changed verdictcache.Key) {
		copy(changed[:], f(k[:]))
		return changed
	}
}

func cString(b []byte) []byte { before, _, _ := bytes.Cut(b, []byte{0}); return before }

const inChild = "STORETEST_BROKEN"

// TestRunFindsFaults runs Run on each broken Store, in a process of its own, since
// what Run is to find there are tests that fail.
func TestRunFindsFaults(t *testing.T) {
	t.Run("none where there is none", func(t *testing.T) {
		b := newBook(bug{})
		storetest.Run(t, func(*testing.T) verdictcache.Store { return &page{book: b} })
	})

	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(self, "-test.run=^TestBrokenStores$", "-test.v", "-test.parallel=100", "-test.timeout=2m")
	command.Env = append(os.Environ(), inChild+"=1")
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "all passed")
	for _, c := range broken {
		t.Run(c.fault, func(t *testing.T) {
			// testing writes the names of sub-tests without spaces.
			failed := "--- FAIL: TestBrokenStores/" + strings.ReplaceAll(c.fault, " ", "_") + "/" + c.found + " "
			require.True(t, strings.Contains(string(output), failed), "%s did not find it", c.found)
		})
	}
}

// TestBrokenStores fails: it is for TestRunFindsFaults.
func TestBrokenStores(t *testing.T) {
	if os.Getenv(inChild) == "" {
		t.Skip("it fails, and TestRunFindsFaults looks how")
	}
	for _, c := range broken {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			b, opened := newBook(c.bug), 0
			storetest.Run(t, func(*testing.T) verdictcache.Store {
				opened++
				if opened%2 == 0 {
					return &page{book: b, skew: c.skew}
				}
				return &page{book: b}
			})
		})
	}
}
