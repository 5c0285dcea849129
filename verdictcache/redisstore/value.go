package redisstore

import (
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// A value begins with the version of this format and what it is:
//
//	1c  a claim, followed by the 16 bytes of the claimer
//	1v  a verdict, followed by the BizCode, one digit, and the request ID
//
// Anything else is nothing: Load finds no entry in it, and Claim writes over it.
const (
	claimMark   = "1c"
	verdictMark = "1v"
	claimLen    = len(claimMark) + len(verdictcache.Claimer{})
)

func encodeClaim(claimer verdictcache.Claimer) string { return claimMark + string(claimer[:]) }

func encodeVerdict(verdict id2meta.Result) (string, error) {
	if !isVerdict(string(verdict.BizCode)) {
		return "", errors.New("the BizCode is none of the three")
	}
	return verdictMark + string(verdict.BizCode) + verdict.RequestID, nil
}

func decode(value string) verdictcache.Entry {
	if len(value) < 2 {
		return verdictcache.Entry{}
	}
	mark, rest := value[:2], value[2:]
	switch {
	case mark == claimMark && len(value) == claimLen:
		return verdictcache.Entry{Claimed: true}
	case mark == verdictMark && rest != "" && isVerdict(rest[:1]):
		return verdictcache.Entry{Verdict: id2meta.Result{BizCode: id2meta.BizCode(rest[:1]), RequestID: rest[1:]}}
	}
	return verdictcache.Entry{}
}

func isVerdict(code string) bool {
	switch id2meta.BizCode(code) {
	case id2meta.BizCodeMatch, id2meta.BizCodeMismatch, id2meta.BizCodeNoRecord:
		return true
	}
	return false
}

// The scripts take one key, and as the first argument the claim of whoever calls.
// In claim, the two patterns are decode's: what they do not know is written over.
var (
	claim = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then
	if #held == 18 and string.sub(held, 1, 2) == '1c' then return 0 end
	if string.find(held, '^1v[123]') then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

	save = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`)

	release = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)
)
