package transport

import (
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRetryAfter(t *testing.T) {
	const longest = time.Duration(math.MaxInt64)
	for _, test := range []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"no header means no wait", http.Header{}, 0},
		{"TimeLeft is in milliseconds", http.Header{"X-Ratelimit-User-Api": {"Limit:1,Remain:0,TimeLeft:2000,Reset:1234"}}, 2 * time.Second},
		{"TimeLeft may have spaces around it", http.Header{"X-Ratelimit-User": {"Limit:1, TimeLeft: 20 "}}, 20 * time.Millisecond},
		{"x-acs-retry-after is in milliseconds", http.Header{"X-Acs-Retry-After": {"700"}}, 700 * time.Millisecond},
		{"Retry-After is in seconds", http.Header{"Retry-After": {"2"}}, 2 * time.Second},
		{"Retry-After may be a date", http.Header{"Retry-After": {"Sat, 01 Jan 2000 00:01:00 GMT"}}, time.Minute},
		{"a date in the past means no wait", http.Header{"Retry-After": {"Fri, 31 Dec 1999 00:00:00 GMT"}}, 0},
		{"the longest counts: x-ratelimit-user-api", http.Header{"X-Ratelimit-User-Api": {"TimeLeft:9000"},
			"X-Ratelimit-User": {"TimeLeft:1"}, "X-Acs-Retry-After": {"8000"}, "Retry-After": {"7"}}, 9 * time.Second},
		{"the longest counts: x-ratelimit-user", http.Header{"X-Ratelimit-User-Api": {"TimeLeft:1"},
			"X-Ratelimit-User": {"TimeLeft:9000"}, "X-Acs-Retry-After": {"8000"}, "Retry-After": {"7"}}, 9 * time.Second},
		{"the longest counts: x-acs-retry-after", http.Header{"X-Ratelimit-User-Api": {"TimeLeft:1"},
			"X-Acs-Retry-After": {"9000"}, "Retry-After": {"8"}}, 9 * time.Second},
		{"the longest counts: Retry-After", http.Header{"X-Acs-Retry-After": {"8000"}, "Retry-After": {"9"}}, 9 * time.Second},
		{"the longest counts: the second value of a header", http.Header{"X-Acs-Retry-After": {"1", "9000"}}, 9 * time.Second},
		{"2^62 ms is the longest Duration", http.Header{"X-Acs-Retry-After": {"4611686018427387904"}}, longest},
		{"2^62 of TimeLeft is the longest Duration", http.Header{"X-Ratelimit-User": {"TimeLeft:4611686018427387904"}}, longest},
		{"2^62 s is the longest Duration", http.Header{"Retry-After": {"4611686018427387904"}}, longest},
		{"what no uint64 holds is the longest Duration", http.Header{"X-Acs-Retry-After": {"99999999999999999999999"}}, longest},
		{"the year 9999 is a long wait", http.Header{"Retry-After": {"Fri, 31 Dec 9999 00:00:00 GMT"}}, longest},
		{"a negative number means no wait", http.Header{"X-Acs-Retry-After": {"-700"}, "Retry-After": {"-1"}, "X-Ratelimit-User": {"TimeLeft:-5"}}, 0},
		{"-2^62 means no wait", http.Header{"X-Acs-Retry-After": {"-4611686018427387904"}, "Retry-After": {"-4611686018427387904"}}, 0},
		{"what is no whole number means no wait", http.Header{"Retry-After": {"1.5"}, "X-Ratelimit-User": {"TimeLeft,,:,TimeLeft:soon"}}, 0},
		{"a bad value leaves the others", http.Header{"X-Acs-Retry-After": {"soon"}, "Retry-After": {"3"}}, 3 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // it is 2000-01-01 00:00 UTC
				assert.Equal(t, test.want, RetryAfter(test.header))
			})
		})
	}
}

func TestRequestID(t *testing.T) {
	const id = "D6163397-15C5-419C-9ACC-B7C83E0B4C10"
	assert.Equal(t, id, RequestID(http.Header{"X-Acs-Request-Id": {" " + id}}))
	assert.Empty(t, RequestID(http.Header{"X-Request-Id": {id}}))
}

// FuzzRetryAfter: whatever stands in the headers, the wait is not negative.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range [][4]string{
		{"Limit:1,Remain:0,TimeLeft:2000,Reset:1234", "", "700", ""},
		{"", "TimeLeft:9223372036854775807", "-1", "-5"},
		{"TimeLeft:,TimeLeft", ",,:,", "4611686018427387904", "99999999999999999999999"},
		{"", "", "", "Mon, 02 Jan 2006 15:04:05 GMT"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, api, user, acs, standard string) {
		header := http.Header{}
		header.Set("x-ratelimit-user-api", api)
		header.Set("x-ratelimit-user", user)
		header.Set("x-acs-retry-after", acs)
		header.Set("Retry-After", standard)
		if wait := RetryAfter(header); wait < 0 {
			t.Fatalf("a wait of %v", wait)
		}
	})
}
