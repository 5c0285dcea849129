package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/id2meta/id2meta/id2metatest"
)

const processes = 4

// ordersFor returns what workers on this database are told.
func ordersFor(t *testing.T, name, dsn string, lease time.Duration, persons int) (orders, *id2metatest.Server) {
	t.Helper()
	s := newService(t, persons)
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(rand.Uint32())
	}
	return orders{Store: name, DSN: dsn, Endpoint: s.Endpoint(), CertificatePEM: s.CertificatePEM(),
		HashKey: key, Lease: lease}, s
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
	for name, d := range databases {
		t.Run(name, func(t *testing.T) {
			const persons, rounds = 200, 3
			dsn, _ := d.ready(t)
			o, service := ordersFor(t, name, dsn, 15*time.Second, persons)
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
