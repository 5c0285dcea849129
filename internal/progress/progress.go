// Package progress carries a signal from a call that sends requests back to the code that
// started the call: whether a request is on its way to the service, and whether the call may
// have been billed. The signal travels in a context, through any middleware between the two.
package progress

import "context"

// State is how far a call has come.
type State struct {
	Sent        bool // a request is on its way, or its verdict is on its way back
	MaybeBilled bool // this request, or an earlier one of the call, may have been billed
}

type key struct{}

// With returns a context for which [Start] calls start. Each call under this context has a
// function report of its own, so that no call changes what another call has reported.
func With(ctx context.Context, start func() (report func(State))) context.Context {
	return context.WithValue(ctx, key{}, start)
}

// Start says that a call begins, with the zero State. The call reports each change of its
// State with the function that Start returns, from any goroutine. If ctx holds no function of
// [With], the function does nothing.
func Start(ctx context.Context) (report func(State)) {
	if start, ok := ctx.Value(key{}).(func() func(State)); ok {
		return start()
	}
	return func(State) {}
}
