package verdictcache_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	simSeeds = flag.Int("seeds", 1000, "how many histories TestSimulation runs")
	simSeed  = flag.Uint64("seed", 1, "the first of them")
	simStop  = flag.Int("failures", 3, "after how many histories that fail TestSimulation stops")
)

// Random histories of several processes: never a wrong verdict, nobody is asked about
// twice without an excuse, and everybody ends in time.
func TestSimulation(t *testing.T) {
	began := time.Now()
	failed := 0
	for seed := *simSeed; seed < *simSeed+uint64(*simSeeds); seed++ {
		problems, _ := simulate(t, seed)
		if len(problems) == 0 {
			continue
		}
		t.Errorf("seed %d: to see it again: go test ./verdictcache -run 'TestSimulation$' -seeds 1 -seed %d\n\t%s",
			seed, seed, strings.Join(problems[:min(len(problems), 5)], "\n\t"))
		if failed++; failed == *simStop {
			break
		}
	}
	t.Logf("%.0f histories a second", float64(*simSeeds)/time.Since(began).Seconds())
}

// What a seed shows, it shows again.
func TestSimulationIsRepeatable(t *testing.T) {
	for seed := *simSeed; seed < *simSeed+100; seed++ {
		_, one := simulate(t, seed)
		_, other := simulate(t, seed)
		require.Equal(t, one, other, "seed %d", seed)
	}
}

// simulate runs one history.
func simulate(t *testing.T, seed uint64) (problems []string, digest uint64) {
	defer func() {
		if v := recover(); v != nil { // a deadlock, above all
			problems = append(problems, fmt.Sprint("panic: ", v))
		}
	}()
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(*testing.T) {
		w := newWorld(seed)
		problems, digest = w.run()
	})
	return problems, digest
}
