// Package ctxerr keeps the errors of other contexts apart from the error of the
// caller's own context.
package ctxerr

import (
	"context"
	"errors"
)

// Hide returns err without the errors of a context in its chain. Use Hide while the
// caller's context has not ended: then the error is that of another context or
// timeout, and must not look as if the caller's own time were up.
func Hide(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return errors.New(err.Error())
	}
	return err
}
