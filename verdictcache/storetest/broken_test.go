package storetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
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
	claimer verdictcache.Claimer // zero: a verdict
	verdict id2meta.Result
	until   time.Time
}

// bug is what is wrong with a book.
type bug struct {
	key      func(verdictcache.Key) verdictcache.Key
	claimer  func(verdictcache.Claimer) verdictcache.Claimer
	verdict  func(id2meta.Result) id2meta.Result
	duration func(time.Duration) time.Duration

	claimAnyway     bool // also what another holds
	claimVerdicts   bool // also what is remembered
	claimNever      bool // twice, not even by who holds it
	claimNotOver    bool // what was another's is never taken over
	claimIsTwoSteps bool // to look and to write are two
	claimOdd        bool // an odd verdict is in the way
	renewRevives    bool // a claim that is gone
	renewOfOthers   bool
	renewNothing    bool // says it did, and did not
	renewLonger     bool // only: it never makes a lease shorter
	saveAnyway      bool // without the claim
	saveNothing     bool
	saveKeepsClaim  bool
	saveAgain       bool // over a verdict that is there
	saveOnLease     bool // the verdict ends with the lease
	releaseOthers   bool
	releaseVerdicts bool
	releaseNothing  bool
	deleteNothing   bool
	deleteNoClaims  bool
	deleteMore      bool // a neighbour as well
	loadOver        bool // what is over, too
	loadNoClaims    bool
	ignoreContext   bool // and hangs on
	saveIsTwoSteps  bool // to look and to write are two
}

// page is a Store of a book, with a clock of its own.
type page struct {
	*book
	skew time.Duration
}

func (p *page) now() time.Time { return time.Now().Add(p.skew) }

func newBook(b bug) *book {
	if b.key == nil {
		b.key = func(k verdictcache.Key) verdictcache.Key { return k }
	}
	if b.claimer == nil {
		b.claimer = func(c verdictcache.Claimer) verdictcache.Claimer { return c }
	}
	if b.verdict == nil {
		b.verdict = func(r id2meta.Result) id2meta.Result { return r }
	}
	if b.duration == nil {
		b.duration = func(d time.Duration) time.Duration { return d }
	}
	return &book{entries: map[verdictcache.Key]entry{}, bug: b}
}

func (p *page) begin(ctx context.Context) error {
	if p.bug.ignoreContext {
		select {
		case <-ctx.Done():
			time.Sleep(400 * time.Millisecond)
		default:
		}
	}
	return ctx.Err()
}

// find returns what is there and not over. The caller holds mu.
func (p *page) find(key verdictcache.Key) (entry, bool) {
	e, ok := p.entries[p.bug.key(key)]
	return e, ok && p.now().Before(e.until)
}

func (p *page) Load(ctx context.Context, key verdictcache.Key) (verdictcache.Entry, error) {
	if err := p.begin(ctx); err != nil {
		return verdictcache.Entry{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.find(key)
	if p.bug.loadOver {
		e, ok = p.entries[p.bug.key(key)]
	}
	switch {
	case !ok:
		return verdictcache.Entry{}, nil
	case e.claimer != verdictcache.Claimer{}:
		return verdictcache.Entry{Claimed: !p.bug.loadNoClaims}, nil
	}
	return verdictcache.Entry{Verdict: e.verdict}, nil
}

func (p *page) Claim(ctx context.Context, key verdictcache.Key, me verdictcache.Claimer, lease time.Duration) (bool, error) {
	if err := p.begin(ctx); err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.find(key)
	if p.bug.claimNotOver {
		e, ok = p.entries[p.bug.key(key)]
	}
	isClaim := e.claimer != verdictcache.Claimer{}
	odd := e.verdict.BizCode.String() == "unknown" && !p.bug.claimOdd
	switch {
	case !ok:
	case isClaim && p.bug.claimNever:
		return false, nil
	case isClaim && e.claimer != p.bug.claimer(me) && !p.bug.claimAnyway:
		return false, nil
	case !isClaim && !odd && !p.bug.claimVerdicts:
		return false, nil
	}
	if p.bug.claimIsTwoSteps {
		p.mu.Unlock()
		time.Sleep(time.Millisecond)
		p.mu.Lock()
	}
	p.entries[p.bug.key(key)] = entry{claimer: p.bug.claimer(me), until: p.now().Add(p.bug.duration(lease))}
	return true, nil
}

// holds reports whether me has the claim, over or not. The caller holds mu.
func (p *page) holds(key verdictcache.Key, me verdictcache.Claimer) bool {
	return p.entries[p.bug.key(key)].claimer == p.bug.claimer(me)
}

func (p *page) Renew(ctx context.Context, key verdictcache.Key, me verdictcache.Claimer, lease time.Duration) (bool, error) {
	if err := p.begin(ctx); err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[p.bug.key(key)]
	isClaim := ok && e.claimer != verdictcache.Claimer{}
	if !p.holds(key, me) && !(p.bug.renewRevives && !ok) && !(p.bug.renewOfOthers && isClaim) {
		return false, nil
	}
	until := p.now().Add(p.bug.duration(lease))
	if p.bug.renewNothing || p.bug.renewLonger && until.Before(e.until) {
		return true, nil
	}
	if !ok {
		e.claimer = p.bug.claimer(me)
	}
	p.entries[p.bug.key(key)] = entry{claimer: e.claimer, until: until}
	return true, nil
}

func (p *page) Save(ctx context.Context, key verdictcache.Key, me verdictcache.Claimer, r id2meta.Result, lifetime time.Duration) (bool, error) {
	if err := p.begin(ctx); err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[p.bug.key(key)]
	isVerdict := ok && e.claimer == verdictcache.Claimer{}
	switch {
	case p.holds(key, me), p.bug.saveAnyway && !isVerdict, p.bug.saveAgain && isVerdict:
	default:
		return false, nil
	}
	if p.bug.saveNothing {
		return true, nil
	}
	saved := entry{verdict: p.bug.verdict(r), until: p.now().Add(p.bug.duration(lifetime))}
	if p.bug.saveKeepsClaim {
		saved.claimer = p.bug.claimer(me)
	}
	if p.bug.saveOnLease {
		saved.until = e.until
	}
	if p.bug.saveIsTwoSteps {
		p.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		p.mu.Lock()
	}
	p.entries[p.bug.key(key)] = saved
	return true, nil
}

func (p *page) Release(ctx context.Context, key verdictcache.Key, me verdictcache.Claimer) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[p.bug.key(key)]
	isVerdict := ok && e.claimer == verdictcache.Claimer{}
	switch {
	case p.bug.releaseNothing:
	case p.holds(key, me), p.bug.releaseOthers && !isVerdict, p.bug.releaseVerdicts && isVerdict:
		delete(p.entries, p.bug.key(key))
	}
	return nil
}

func (p *page) Delete(ctx context.Context, key verdictcache.Key) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries[p.bug.key(key)]
	isClaim := ok && e.claimer != verdictcache.Claimer{}
	switch {
	case p.bug.deleteNothing, p.bug.deleteNoClaims && isClaim:
	case p.bug.deleteMore:
		clear(p.entries)
	default:
		delete(p.entries, p.bug.key(key))
	}
	return nil
}

// broken are Stores of which each has one fault, and the tests of Run of which
// one at least must find it.
var broken = []struct {
	fault string
	bug   bug
	skew  time.Duration // of every second Store's clock
	found string
}{
	{"a claim is granted twice", bug{claimAnyway: true}, 0, "a_claim_is_granted_to_one"},
	{"a claim is granted twice to two who come at once", bug{claimIsTwoSteps: true}, 0, "a_claim_is_granted_to_one_of_many"},
	{"a claim is granted although there is a verdict", bug{claimVerdicts: true}, 0, "a_claim_is_granted_to_one"},
	{"a claim is not granted again to its holder", bug{claimNever: true}, 0, "a_claim_is_granted_to_one"},
	{"a claim never ends", bug{claimNotOver: true}, 0, "a_claim_ends_with_its_lease"},
	{"a claim does not give way for an odd verdict's sake", bug{claimOdd: true}, 0, "a_verdict_that_is_none_of_the_three_is_none"},
	{"a claim is not shown", bug{loadNoClaims: true}, 0, "a_claim_is_granted_to_one"},
	{"an expired verdict is returned", bug{loadOver: true}, 0, "a_verdict_ends_with_its_lifetime"},
	{"the clock of every second caller is fast", bug{}, time.Hour, "a_claim_is_granted_to_one"},
	{"the clock of every second caller is slow", bug{}, -time.Hour, "a_claim_is_granted_to_one"},
	{"the clock of every second caller is a second fast", bug{}, time.Second, "a_claim_ends_with_its_lease"},
	{"the clock of every second caller is a second slow", bug{}, -time.Second, "a_claim_ends_with_its_lease"},
	{"whole seconds, rounded up", bug{duration: func(d time.Duration) time.Duration { return d.Truncate(time.Second) + time.Second }}, 0, "a_claim_ends_with_its_lease"},
	{"milliseconds in 31 bits", bug{duration: func(d time.Duration) time.Duration { return time.Duration(int32(d.Milliseconds())) * time.Millisecond }}, 0, "a_lifetime_may_be_long"},
	{"microseconds for milliseconds", bug{duration: func(d time.Duration) time.Duration { return d / 1e6 }}, 0, "Renew_lets_the_lease_begin_anew"},
	{"nothing is ever over", bug{duration: func(d time.Duration) time.Duration { return d + time.Hour }}, 0, "a_verdict_ends_with_its_lifetime"},
	{"a key is cut short by a byte", bug{key: func(k verdictcache.Key) verdictcache.Key { k[31] = 0; return k }}, 0, "keys_that_differ_in_one_byte_differ"},
	{"a key begins a byte late", bug{key: func(k verdictcache.Key) verdictcache.Key { k[0] = 0; return k }}, 0, "keys_that_differ_in_one_byte_differ"},
	{"a key is cut short by half", bug{key: func(k verdictcache.Key) verdictcache.Key { clear(k[16:]); return k }}, 0, "keys_that_differ_in_one_byte_differ"},
	{"a key ends with its first zero", bug{key: func(k verdictcache.Key) verdictcache.Key { return verdictcache.Key([]byte(cString(k[:]))) }}, 0, "keys_that_differ_in_one_byte_differ"},
	{"a key is in lower case", bug{key: func(k verdictcache.Key) verdictcache.Key { return verdictcache.Key(lower(k[:])) }}, 0, "keys_that_differ_in_one_byte_differ"},
	{"a key is UTF-8 repaired", bug{key: func(k verdictcache.Key) verdictcache.Key { return verdictcache.Key(repaired(k[:])) }}, 0, "keys_that_differ_in_one_byte_differ"},
	{"a claimer is cut short by a byte", bug{claimer: func(c verdictcache.Claimer) verdictcache.Claimer { c[15] = 1; return c }}, 0, "a_claimer_is_known_by_all_its_bytes"},
	{"a claimer is in lower case", bug{claimer: func(c verdictcache.Claimer) verdictcache.Claimer { return verdictcache.Claimer(lower(c[:])) }}, 0, "a_claimer_is_known_by_all_its_bytes"},
	{"Renew revives a claim", bug{renewRevives: true}, 0, "Renew_does_nothing_without_the_claim"},
	{"Renew renews another's claim", bug{renewOfOthers: true}, 0, "Renew_does_nothing_without_the_claim"},
	{"Renew does nothing", bug{renewNothing: true}, 0, "Renew_lets_the_lease_begin_anew"},
	{"Renew makes no lease shorter", bug{renewLonger: true}, 0, "Renew_lets_the_lease_begin_anew"},
	{"Save does not look at the claim", bug{saveAnyway: true}, 0, "Save_does_nothing_without_the_claim"},
	{"Save looks at the claim, and then writes", bug{saveIsTwoSteps: true}, 0, "of_claimers_that_overtake_each_other_one_saves"},
	{"Save does nothing", bug{saveNothing: true}, 0, "Save_turns_the_claim_into_a_verdict"},
	{"Save leaves the claim", bug{saveKeepsClaim: true}, 0, "Save_turns_the_claim_into_a_verdict"},
	{"Save writes over a verdict", bug{saveAgain: true}, 0, "Save_turns_the_claim_into_a_verdict"},
	{"Save does not begin the lifetime", bug{saveOnLease: true}, 0, "a_verdict_ends_with_its_lifetime"},
	{"every verdict is a match", bug{verdict: func(r id2meta.Result) id2meta.Result { r.BizCode = "1"; return r }}, 0, "Save_turns_the_claim_into_a_verdict"},
	{"an odd verdict is a match", bug{verdict: func(r id2meta.Result) id2meta.Result {
		if r.BizCode.String() == "unknown" {
			r.BizCode = "1"
		}
		return r
	}}, 0, "a_verdict_that_is_none_of_the_three_is_none"},
	{"a verdict has one character", bug{verdict: func(r id2meta.Result) id2meta.Result { r.BizCode = (r.BizCode + " ")[:1]; return r }}, 0, "a_verdict_that_is_none_of_the_three_is_none"},
	{"no request ID", bug{verdict: func(r id2meta.Result) id2meta.Result { r.RequestID = ""; return r }}, 0, "a_request_ID_comes_back_as_it_was"},
	{"a request ID without white space around it", bug{verdict: func(r id2meta.Result) id2meta.Result { r.RequestID = strings.TrimSpace(r.RequestID); return r }}, 0, "a_request_ID_comes_back_as_it_was"},
	{"a request ID of 127 bytes", bug{verdict: func(r id2meta.Result) id2meta.Result {
		r.RequestID = r.RequestID[:min(127, len(r.RequestID))]
		return r
	}}, 0, "a_request_ID_comes_back_as_it_was"},
	{"a request ID up to a colon", bug{verdict: func(r id2meta.Result) id2meta.Result { r.RequestID, _, _ = strings.Cut(r.RequestID, ":"); return r }}, 0, "a_request_ID_comes_back_as_it_was"},
	{"Release gives up another's claim", bug{releaseOthers: true}, 0, "Release_gives_the_claim_up,_and_nothing_else"},
	{"Release forgets a verdict", bug{releaseVerdicts: true}, 0, "Release_gives_the_claim_up,_and_nothing_else"},
	{"Release does nothing", bug{releaseNothing: true}, 0, "Release_gives_the_claim_up,_and_nothing_else"},
	{"Delete does nothing", bug{deleteNothing: true}, 0, "Delete_forgets_verdict_and_claim"},
	{"Delete leaves the claim", bug{deleteNoClaims: true}, 0, "Delete_forgets_verdict_and_claim"},
	{"Delete forgets everybody", bug{deleteMore: true}, 0, "Delete_forgets_verdict_and_claim"},
	{"a context that has ended is not seen", bug{ignoreContext: true}, 0, "a_context_that_has_ended_ends_the_call"},
}

func cString(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if c == 0 {
			break
		}
		out[i] = c
	}
	return string(out)
}

func lower(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

// repaired has one and the same byte where no ASCII is, as U+FFFD would be.
func repaired(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = min(c, 0x80)
	}
	return out
}

const inChild = "STORETEST_BROKEN"

// TestRunFindsFaults runs Run on each broken Store, in a process of its own, for
// what it is to find there are tests that fail.
func TestRunFindsFaults(t *testing.T) {
	t.Run("none where there is none", func(t *testing.T) {
		b := newBook(bug{})
		storetest.Run(t, func(*testing.T) verdictcache.Store { return &page{book: b} })
	})

	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(self, "-test.run=^TestBrokenStores$", "-test.v", "-test.parallel=100")
	command.Env = append(os.Environ(), inChild+"=1")
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "all passed: %v", err)
	for _, c := range broken {
		t.Run(c.fault, func(t *testing.T) {
			require.Contains(t, string(output), "--- FAIL: TestBrokenStores/"+name(c.fault)+"/"+c.found+" ")
		})
	}
}

// name is how testing writes the name of a sub-test.
func name(sentence string) string { return strings.ReplaceAll(sentence, " ", "_") }

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
