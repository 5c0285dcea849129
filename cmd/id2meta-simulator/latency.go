package main

import (
	"errors"
	"strings"
	"time"
)

// latency is the flag -latency: how long an answer takes, at random between two times.
type latency struct{ shortest, longest time.Duration }

// Set implements [flag.Value].
func (l *latency) Set(text string) error {
	first, second, two := strings.Cut(text, "..")
	if !two {
		second = first
	}
	shortest, err1 := time.ParseDuration(first)
	longest, err2 := time.ParseDuration(second)
	if err1 != nil || err2 != nil || shortest < 0 || longest < shortest {
		return errors.New("not a latency")
	}
	*l = latency{shortest, longest}
	return nil
}

// String implements [flag.Value].
func (l *latency) String() string {
	switch {
	case l.longest == 0:
		return "none"
	case l.shortest == l.longest:
		return l.longest.String()
	}
	return l.shortest.String() + ".." + l.longest.String()
}
