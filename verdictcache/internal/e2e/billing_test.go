package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/id2meta/id2meta/id2metatest"
)

const processes = 4

// ordersFor returns what workers on this database are told.
func ordersFor(t *testing.T, name, dsn string, lease, question time.Duration, persons int) (orders, *id2metatest.Server) {
	t.Helper()
	s := newService(t, persons)
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(rand.Uint32())
	}
	return orders{Store: name, DSN: dsn, Endpoint: s.Endpoint(), CertificatePEM: s.CertificatePEM(),
		HashKey: key, Lease: lease, Question: question}, s
}

// sequence returns from, from+1, … below to.
func sequence(from, to int) []int {
	var numbers []int
	for i := from; i < to; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

// Four processes ask about the same persons at the same time, three times. Each
// person is paid for once, and everybody gets the right verdict.
func TestNobodyIsBilledTwice(t *testing.T) {
	onEach(t, func(t *testing.T, name string, d database) {
		const persons, rounds = 200, 3
		dsn, _ := d.ready(t)
		o, service := ordersFor(t, name, dsn, 15*time.Second, 20*time.Millisecond, persons)
		f := newFleet(t, processes, o)
		everybody := sequence(0, persons)
		for range rounds {
			answers := f.askAll(everybody)
			if len(answers) != persons*processes {
				t.Fatalf("%d answers, want %d", len(answers), persons*processes)
			}
			wantRight(t, answers)
		}
		wantBilledOnce(t, f, service, everybody)
	})
}

// wantBilledOnce fails the test for everybody who was billed more than once, or
// never. It tells how often a worker gave its store up, since then it asks without.
func wantBilledOnce(t *testing.T, f *fleet, service *id2metatest.Server, persons []int) {
	t.Helper()
	times := map[int]int{}
	for _, i := range persons {
		times[billed(service, i)]++
	}
	if times[1] != len(persons) {
		t.Errorf("of %d persons so many were billed so often: %v; the stores failed %d times%s",
			len(persons), times, f.stop(), f.logTail())
	}
}

// A process is killed at a random moment, ten times, while all ask about the same
// new persons. Whoever it was asking about may be asked about again, by those who
// wait for the end of its lease. Nobody else is.
func TestKilledProcessCostsOnlyItsOpenQuestions(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	onEachAtOnce(t, func(t *testing.T, name string, d database) {
		const (
			kills    = 10
			lease    = 3 * time.Second
			question = 100 * time.Millisecond
		)
		persons := 20 // new ones for each kill
		if name == "SQLite" {
			persons = 8 // each write waits for the disk, and has a fifth of the lease for that
		}
		dsn, _ := d.ready(t)
		o, service := ordersFor(t, name, dsn, lease, question, kills*persons)
		f := newFleet(t, processes, o)
		random := rand.New(rand.NewPCG(seed, uint64(len(name))))

		mayBeTwice := map[int]bool{}
		longest := time.Duration(0)
		for n := range kills {
			batch := sequence(n*persons, (n+1)*persons)
			f.ask(batch)
			time.Sleep(time.Duration(random.Int64N(int64(2 * question))))
			victim := random.IntN(processes)
			for _, i := range f.kill(victim) {
				mayBeTwice[i] = true
			}
			answers := f.await()
			wantRight(t, answers)
			for _, a := range answers {
				longest = max(longest, a.Took)
			}
			f.start()
			f.awaitReady()
			wantRight(t, f.askAll(batch))
		}

		twice := 0
		for i := range kills * persons {
			switch n := billed(service, i); {
			case n == 2 && mayBeTwice[i]:
				twice++
			case n != 1:
				t.Errorf("person %d was billed %d times; a killed process was asking: %v%s", i, n, mayBeTwice[i], f.logTail())
			}
		}
		if len(mayBeTwice) == 0 {
			t.Error("no process was killed while it asked: nothing was tested")
		}
		if longest > lease*3/2 {
			t.Errorf("somebody waited %v, more than a lease and a half", longest)
		}
		t.Logf("of %d persons, %d were open when their process was killed, and %d billed twice; the longest wait was %v",
			kills*persons, len(mayBeTwice), twice, longest)
	})
}
