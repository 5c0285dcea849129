package sqlstore

import "context"

// turn lets one step at a time pass. A nil turn lets all steps pass.
type turn chan struct{}

// take waits until it is its turn, and calls f.
func (t turn) take(ctx context.Context, f func() error) error {
	if t == nil {
		return f()
	}
	select {
	case t <- struct{}{}:
		defer func() { <-t }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}
