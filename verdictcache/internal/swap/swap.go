// Package swap holds the rules for the arguments of CompareAndSwap, which are the same
// for every Store.
package swap

import (
	"bytes"
	"errors"
	"time"
)

// MaxValue is the length of the longest value.
const MaxValue = 1024

// Check returns the error that the contract demands of a CompareAndSwap with these
// arguments, or nil.
func Check(old, new []byte, ttl time.Duration) error {
	switch {
	case bytes.Equal(old, new):
		return errors.New("the old value and the new value are equal")
	case old != nil && !IsValue(old), new != nil && !IsValue(new):
		return errors.New("a value is empty or longer than 1024 bytes")
	case new != nil && ttl <= 0:
		return errors.New("the ttl is not positive")
	}
	return nil
}

// IsValue reports whether these bytes can be a value.
func IsValue(value []byte) bool { return 0 < len(value) && len(value) <= MaxValue }

// Milliseconds rounds a positive ttl up to whole milliseconds.
func Milliseconds(ttl time.Duration) int64 { return int64((ttl-1)/time.Millisecond) + 1 }
