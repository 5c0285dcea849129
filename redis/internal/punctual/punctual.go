// Package punctual tells whether the commands of a client of Redis end with their
// context.
package punctual

import (
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Check returns an error, which says what to set, if a command of client may take longer
// than the deadline of its context allows.
func Check(client redis.UniversalClient) error {
	var enabled bool
	var read, write time.Duration
	switch c := client.(type) {
	case nil:
		return errors.New("the client is nil")
	case interface{ Options() *redis.Options }:
		o := c.Options()
		enabled, read, write = o.ContextTimeoutEnabled, o.ReadTimeout, o.WriteTimeout
	case interface{ Options() *redis.ClusterOptions }:
		o := c.Options()
		enabled, read, write = o.ContextTimeoutEnabled, o.ReadTimeout, o.WriteTimeout
	case interface{ Options() *redis.RingOptions }:
		o := c.Options()
		enabled, read, write = o.ContextTimeoutEnabled, o.ReadTimeout, o.WriteTimeout
	default:
		return fmt.Errorf("a client of type %T does not show its options; embed the client of go-redis", client)
	}
	switch {
	case !enabled:
		return errors.New("set ContextTimeoutEnabled: true in the options of the client; without it go-redis ignores the deadline of a context")
	case read < 0 || write < 0:
		return errors.New("ReadTimeout and WriteTimeout in the options of the client must not be -2, which means no deadline at all")
	}
	return nil
}
