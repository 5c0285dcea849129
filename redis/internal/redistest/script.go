package redistest

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	// command is a command whose key is written KEYS[n], or the time, which has no key.
	command = regexp.MustCompile(`redis\.p?call\('(?:TIME'|[A-Z]+', KEYS\[[1-9]\][,)])`)
	// elsewhere is what may not stand outside of a command.
	elsewhere = regexp.MustCompile(`redis|KEYS|unpack|PUBLISH|SUBSCRIBE`)
)

// CheckScript returns an error if the cluster edition of Alibaba Cloud would refuse a
// script: if a command does not stand there as a literal, if its key is not written
// KEYS[n], if KEYS stands anywhere else, or if a command stands within a command, so
// each must have a line of its own. The vendor's rule is on its help page 92942, and in
// the text of its error: "all the keys that the script uses should be passed using the
// KEYS array, and KEYS should not be in expression".
func CheckScript(script string) error {
	keys := 0
	for line := range strings.Lines(script) {
		commands := command.FindAllString(line, -1)
		if len(commands) > 1 {
			return fmt.Errorf("%q holds two commands", line)
		}
		if found := elsewhere.FindString(command.ReplaceAllString(line, "")); found != "" {
			return fmt.Errorf("%s stands outside of a command in %q", found, line)
		}
		keys += strings.Count(line, "KEYS")
	}
	if keys == 0 {
		return fmt.Errorf("no command has a key")
	}
	return nil
}
