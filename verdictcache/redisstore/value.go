package redisstore

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// A value begins with the version of this format and what it is:
//
//	1c  a claim, followed by the 16 bytes of the claimer
//	1v  a verdict, followed by the BizCode, one digit, and the request ID
//
// Only another hand, or another version, can have written anything else. Load shows
// it as a verdict that is none of the three, and Claim writes over it.
const (
	claimMark    = "1c"
	verdictMark  = "1v"
	claimLen     = len(claimMark) + len(verdictcache.Claimer{})
	maxRequestID = 128

	unreadable id2meta.BizCode = "unreadable"
)

func encodeClaim(claimer verdictcache.Claimer) string { return claimMark + string(claimer[:]) }

func encodeVerdict(verdict id2meta.Result) (string, error) {
	if !isVerdict(verdict.BizCode) {
		return "", errors.New("the BizCode is none of the three")
	}
	if len(verdict.RequestID) > maxRequestID {
		return "", fmt.Errorf("the request ID is longer than %d bytes", maxRequestID)
	}
	return verdictMark + string(verdict.BizCode) + verdict.RequestID, nil
}

func decode(value string) verdictcache.Entry {
	if strings.HasPrefix(value, claimMark) && len(value) == claimLen {
		return verdictcache.Entry{Claimed: true}
	}
	if rest, found := strings.CutPrefix(value, verdictMark); found && rest != "" && len(rest) <= 1+maxRequestID {
		if code := id2meta.BizCode(rest[:1]); isVerdict(code) {
			return verdictcache.Entry{Verdict: id2meta.Result{BizCode: code, RequestID: rest[1:]}}
		}
	}
	return verdictcache.Entry{Verdict: id2meta.Result{BizCode: unreadable}}
}

func isVerdict(code id2meta.BizCode) bool {
	switch code {
	case id2meta.BizCodeMatch, id2meta.BizCodeMismatch, id2meta.BizCodeNoRecord:
		return true
	}
	return false
}

// The scripts take one key, and as the first argument the claim of whoever calls.
// In claim, the two conditions are those of decode: what neither knows is written
// over.
var (
	claim = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then
	if #held == 18 and string.sub(held, 1, 2) == '1c' then return 0 end
	if #held <= 131 and string.find(held, '^1v[123]') then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

	renew = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

	save = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`)

	release = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)
)
