package redistest

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	call     = regexp.MustCompile(`redis\.p?call\(([^()]*)`)
	key      = regexp.MustCompile(`^KEYS\[[1-9]\]$`)
	anyKEYS  = regexp.MustCompile(`\bKEYS\b`)
	anyCall  = regexp.MustCompile(`\bredis\s*[.\[]`)
	noKey    = "'TIME'"
	stopWord = regexp.MustCompile(`\b(unpack|PUBLISH|SUBSCRIBE|PSUBSCRIBE)\b`)
)

// CheckScript returns an error if the cluster edition of Alibaba Cloud would refuse a
// script: if a command does not stand there as a literal, if its key is not written
// KEYS[n], if KEYS stands anywhere else, or if a call stands within a call. The vendor's
// rule is on its help page 92942, and in the text of its error: "all the keys that the
// script uses should be passed using the KEYS array, and KEYS should not be in expression".
func CheckScript(script string) error {
	calls := call.FindAllStringSubmatch(script, -1)
	if len(calls) == 0 {
		return fmt.Errorf("no call")
	}
	keys := 0
	for _, c := range calls {
		if len(anyCall.FindAllString(c[0], -1)) > 1 {
			return fmt.Errorf("%s…: a call within a call", c[0])
		}
		arguments := strings.Split(c[1], ",")
		if command := strings.TrimSpace(arguments[0]); !strings.HasPrefix(command, "'") {
			return fmt.Errorf("%s: the command is no literal", c[0])
		} else if command == noKey {
			continue
		}
		if len(arguments) < 2 || !key.MatchString(strings.TrimSpace(arguments[1])) {
			return fmt.Errorf("%s: the key is not written KEYS[n]", c[0])
		}
		keys++
	}
	switch {
	case keys == 0:
		return fmt.Errorf("no key")
	case len(anyKEYS.FindAllString(script, -1)) != keys:
		return fmt.Errorf("KEYS stands outside of a call, or twice in a call")
	case len(anyCall.FindAllString(script, -1)) != len(calls):
		return fmt.Errorf("redis is used for something else than a call")
	case stopWord.MatchString(script):
		return fmt.Errorf("%s is not supported", stopWord.FindString(script))
	}
	return nil
}
