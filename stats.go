package id2meta

import (
	"sync/atomic"
	"time"
)

// Stats counts the calls and requests of a [Client] since [New]. A call is one
// Verify. A request is one attempt of a call, so one call may make several requests.
//
// The service has billed at most the sum of Match, Mismatch, NoRecord and MaybeBilled.
// The vendor does not publish whether it bills NoRecord for this API.
type Stats struct {
	Sent        uint64 // requests that the service may have seen, those of Check included
	Match       uint64 // calls with the verdict match
	Mismatch    uint64 // calls with the verdict mismatch
	NoRecord    uint64 // calls with the verdict no record
	Failed      uint64 // calls that returned an error
	MaybeBilled uint64 // requests without a verdict that the service may have billed
	Throttled   uint64 // requests that the service throttled or the limiter refused
	Today       uint64 // with WithDailyLimit: requests of this day in China (Asia/Shanghai); else 0
}

// Stats returns the current counts. It is safe for concurrent use. A call under way
// may already count in some fields and not yet in others.
func (c *Client) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	return Stats{
		Sent:        c.stats.sent.Load(),
		Match:       c.stats.match.Load(),
		Mismatch:    c.stats.mismatch.Load(),
		NoRecord:    c.stats.noRecord.Load(),
		Failed:      c.stats.failed.Load(),
		MaybeBilled: c.stats.maybeBilled.Load(),
		Throttled:   c.stats.throttled.Load(),
		Today:       uint64(c.daily.today(time.Now())),
	}
}

// counters are the fields of [Stats].
type counters struct {
	sent, match, mismatch, noRecord, failed, maybeBilled, throttled atomic.Uint64
}

func (c *counters) countCall(result Result, err error) {
	switch {
	case err != nil:
		c.failed.Add(1)
	case result.BizCode == BizCodeMatch:
		c.match.Add(1)
	case result.BizCode == BizCodeMismatch:
		c.mismatch.Add(1)
	default:
		c.noRecord.Add(1)
	}
}

// countAttempt counts an attempt that gave no verdict.
func (c *counters) countAttempt(row *outcome) {
	if row.billed {
		c.maybeBilled.Add(1)
	}
	if row.sentinel == ErrThrottled {
		c.throttled.Add(1)
	}
}
