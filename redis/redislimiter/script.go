package redislimiter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// The state of a limit is a hash with three fields: used_until is the time until which
// the requests so far use up the rate, in microseconds since 1970; day and sent are the
// day in China, in days since 1970, and the requests granted on that day. One key holds
// all three, so that a script needs one slot of a cluster.
//
// The cluster edition of Alibaba Cloud accepts a script only if each command that takes a
// key takes it as KEYS[n], and if KEYS stands nowhere else (help page 92942).

// readState sets now and today by the clock of Redis, and reads the state. A stored value
// that Limiters cannot have written ends the script with "bad state". A day that is in the
// future by less than the clockTolerance of ARGV[1] comes from a primary whose clock was
// ahead; that day goes on. An empty bucket takes ARGV[2] microseconds to fill.
const readState = `
local time = redis.call('TIME')
local seconds = tonumber(time[1])
local now = seconds * 1000000 + tonumber(time[2])
local today = math.floor((seconds + 28800) / 86400)
local held = redis.call('HMGET', KEYS[1], 'used_until', 'day', 'sent')
if not held[1] and not held[2] and not held[3] then held = {now, today, 0} end
local used, day, sent = tonumber(held[1]), tonumber(held[2]), tonumber(held[3])
local tolerance, full = tonumber(ARGV[1]), tonumber(ARGV[2])
if not used or not day or not sent
	or not (used <= now + full + tolerance)
	or not (day >= 0 and day <= math.floor((seconds + tolerance / 1000000 + 28800) / 86400))
	or not (sent >= 0 and sent <= 1000000000000) then
	return {'bad state', 0}
end
if day < today then day, sent = today, 0 end
`

// grant grants a request, or says why not and for how long, in microseconds. Only a grant
// changes the state. ARGV[3] is the time between two requests in microseconds, ARGV[4]
// the daily limit or 0.
const grantSource = readState + `
local interval, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
if limit > 0 and sent >= limit then
	return {'daily limit', ((day + 1) * 86400 - 28800) * 1000000 - now}
end
used = math.max(used, now) + interval
local wait = used - full - now
if wait > 0 then
	return {'wait', math.ceil(wait)}
end
redis.call('HSET', KEYS[1], 'used_until', string.format('%.0f', used), 'day', day, 'sent', sent + 1)
redis.call('PEXPIRE', KEYS[1], 172800000)
return {'granted', 0}
`

var grant = redis.NewScript(grantSource)

// countToday returns the requests that were granted today.
var countToday = redis.NewScript(readState + `
return {'sent', sent}
`)

// run runs a script. It ends at the deadline of ctx.
func (l *Limiter) run(ctx context.Context, script *redis.Script) (word string, number int64, err error) {
	interval := l.interval()
	reply, err := script.Run(ctx, l.client, []string{l.key}, clockTolerance.Microseconds(),
		microseconds(time.Duration(l.burst)*interval), microseconds(interval), l.dailyLimit).Slice()
	if err != nil && strings.Contains(err.Error(), "WRONGTYPE") {
		return "", 0, l.badState()
	}
	if err != nil {
		return "", 0, err
	}
	if len(reply) == 2 {
		word, _ = reply[0].(string)
		number, _ = reply[1].(int64)
	}
	switch word {
	case "granted", "wait", "daily limit", "sent":
		return word, number, nil
	case "bad state":
		return "", 0, l.badState()
	}
	return "", 0, errors.New("the answer is not the answer of the script")
}

func (l *Limiter) badState() error {
	return fmt.Errorf("the value of the key %q is not the state of this limit; delete the key", l.key)
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
