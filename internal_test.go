package id2meta

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBackoffDoublesWithFullJitterUpToItsCap(t *testing.T) {
	const samples = 2000
	for attempts, longest := range map[int]time.Duration{
		1:  100 * time.Millisecond,
		2:  200 * time.Millisecond,
		3:  400 * time.Millisecond,
		5:  1600 * time.Millisecond,
		6:  2 * time.Second,
		70: 2 * time.Second,
	} {
		k := call{attempts: attempts}
		least, most := longest, time.Duration(0)
		for range samples {
			wait := k.backoff()
			least, most = min(least, wait), max(most, wait)
		}
		assert.GreaterOrEqual(t, least, time.Duration(0))
		assert.Less(t, least, longest/10, "attempt %d: the jitter is not full", attempts)
		assert.Less(t, most, longest, "attempt %d", attempts)
		assert.Greater(t, most, longest*9/10, "attempt %d", attempts)
	}
}
