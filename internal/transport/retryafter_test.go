package transport

import (
	"net/http"
	"testing"
)

// FuzzRetryAfter: whatever stands in the headers, a wait is not negative. What each
// header means is a table in the tests of the package above.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range [][3]string{
		{"Limit:1,Remain:0,TimeLeft:2000,Reset:1234", "", ""},
		{"", "TimeLeft:9223372036854775807", "-5"},
		{"TimeLeft:,TimeLeft", ",,:,", "99999999999999999999999"},
		{"", "", "Mon, 02 Jan 2006 15:04:05 GMT"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, api, user, standard string) {
		header := http.Header{}
		header.Set("x-ratelimit-user-api", api)
		header.Set("x-ratelimit-user", user)
		header.Set("Retry-After", standard)
		if wait := RetryAfter(header); wait < 0 {
			t.Fatalf("a wait of %v", wait)
		}
	})
}
