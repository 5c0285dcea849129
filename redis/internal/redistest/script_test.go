package redistest

import "testing"

func TestCheckScript(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		good   bool
	}{
		"keys that are written KEYS[n]":    {"local a = redis.call('GET', KEYS[1])\nreturn redis.pcall('SET', KEYS[2], a)", true},
		"the time has no key":              {"local t = redis.call('TIME')\nreturn redis.call('SET', KEYS[1], t[1])", true},
		"a key that is copied first":       {`local k = KEYS[1] return redis.call('GET', k)`, false},
		"a key that is copied, too":        {"local k = KEYS[1]\nreturn redis.call('GET', KEYS[1])", false},
		"a key in an expression":           {`return redis.call('GET', KEYS[1] .. ':day')`, false},
		"a key that is computed":           {`return redis.call('GET', KEYS[i])`, false},
		"a key from the arguments":         {`return redis.call('GET', ARGV[1])`, false},
		"no key at all":                    {`return redis.call('TIME')`, false},
		"a call within a call":             {`return redis.call('SET', KEYS[1], redis.call('GET', KEYS[2]))`, false},
		"a command that is computed":       {`return redis.call(ARGV[1], KEYS[1])`, false},
		"a call under another name":        {"local c = redis.call; c('GET', ARGV[1])\nreturn redis.call('GET', KEYS[1])", false},
		"a second key in one command":      {`return redis.call('MGET', KEYS[1], KEYS[2])`, false},
		"arguments from an unpacked table": {`return redis.call('HMGET', KEYS[1], unpack(ARGV))`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := CheckScript(test.script); (err == nil) != test.good {
				t.Errorf("error %v", err)
			}
		})
	}
}
