package transport

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RequestID returns the request ID from the gateway's header x-acs-request-id, or "".
func RequestID(header http.Header) string {
	return strings.TrimSpace(header.Get("x-acs-request-id"))
}

// RetryAfter returns the wait that a throttled answer tells, or 0. The result is never
// negative. The gateway may tell the wait in several headers. The longest wait counts:
//
//   - x-ratelimit-user-api and x-ratelimit-user hold
//     Limit:1,Remain:0,TimeLeft:2000,Reset:1234 with TimeLeft in milliseconds.
//   - x-acs-retry-after holds milliseconds. The vendor's SDKs since mid-2026 read only
//     this header.
//   - Retry-After, the standard header, holds seconds or a date.
//
// If the wait does not fit into a Duration, RetryAfter returns the longest Duration.
func RetryAfter(header http.Header) time.Duration {
	var longest time.Duration
	for _, name := range []string{"x-ratelimit-user-api", "x-ratelimit-user"} {
		for _, value := range header.Values(name) {
			for field := range strings.SplitSeq(value, ",") {
				key, left, _ := strings.Cut(field, ":")
				if strings.TrimSpace(key) == "TimeLeft" {
					longest = max(longest, duration(left, time.Millisecond))
				}
			}
		}
	}
	for _, value := range header.Values("x-acs-retry-after") {
		longest = max(longest, duration(value, time.Millisecond))
	}
	for _, value := range header.Values("retry-after") {
		longest = max(longest, duration(value, time.Second))
		if at, err := http.ParseTime(value); err == nil {
			longest = max(longest, time.Until(at))
		}
	}
	return longest
}

// duration returns number times unit. It returns 0 if number is negative or not a
// number, and the longest Duration if the result does not fit.
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
