package transport

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter returns how long a throttled answer says to wait, or 0: the longer
// of the vendor's x-ratelimit-user-api and x-ratelimit-user, which hold
// Limit:1,Remain:0,TimeLeft:2000,Reset:1234 with TimeLeft in milliseconds, and
// of the standard Retry-After in seconds.
func RetryAfter(header http.Header) time.Duration {
	var longest time.Duration
	for _, name := range []string{"X-Ratelimit-User-Api", "X-Ratelimit-User"} {
		for field := range strings.SplitSeq(header.Get(name), ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(field), ":")
			if key == "TimeLeft" {
				longest = max(longest, duration(value, time.Millisecond))
			}
		}
	}
	value := header.Get("Retry-After")
	if at, err := http.ParseTime(value); err == nil {
		return max(longest, time.Until(at))
	}
	return max(longest, duration(value, time.Second))
}

// duration returns 0 for what is not a number of units, and the longest duration
// for more than fit into one.
func duration(number string, unit time.Duration) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && n > uint64(math.MaxInt64/unit):
		return math.MaxInt64
	case err != nil:
		return 0
	}
	return time.Duration(n) * unit
}
