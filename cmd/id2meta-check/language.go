package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
)

// language is the language of the texts: English, or Chinese if it is true.
type language bool

// say returns a text in the language. Both texts have the same args.
func (l language) say(english, chinese string, args ...any) string {
	if l {
		return fmt.Sprintf(chinese, args...)
	}
	return fmt.Sprintf(english, args...)
}

// doc returns the name of a page of the documentation, such as docs/errors.
func (l language) doc(page string) string { return l.say("%s.md", "%s.zh-CN.md", page) }

// set is the flag -lang.
func (l *language) set(name string) error {
	if name != "en" && name != "zh" {
		return errors.New("it must be en or zh")
	}
	*l = name == "zh"
	return nil
}

// languageOfEnvironment returns the language of the messages, as POSIX defines it.
func languageOfEnvironment() language {
	locale := cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))
	return language(strings.HasPrefix(strings.ToLower(locale), "zh"))
}
