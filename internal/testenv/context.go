package testenv

import (
	"context"
	"testing"
	"time"
)

// EndWhen returns a context that ends with err as soon as happened reports true.
func EndWhen(t testing.TB, err error, happened func() bool) context.Context {
	c := &endingContext{t.Context(), err, make(chan struct{})}
	go func() {
		for !happened() && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		close(c.done)
	}()
	return c
}

// endingContext is a context that ends with err when done is closed.
type endingContext struct {
	context.Context
	err  error
	done chan struct{}
}

func (c *endingContext) Done() <-chan struct{} { return c.done }

func (c *endingContext) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}
