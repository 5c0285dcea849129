// Package progress carries a signal from the code that sends a request back to the code
// that started the call: whether a request is on its way to the service, and whether the
// call may have been billed. The signal travels in a context, through any middleware
// between the two.
package progress

import "context"

type key struct{}

// With returns a context for which [Report] calls report. Report may call report from
// any goroutine.
func With(ctx context.Context, report func(sent, maybeBilled bool)) context.Context {
	return context.WithValue(ctx, key{}, report)
}

// Report calls the function that [With] put into ctx. sent is true before the first
// byte of a request may reach the service, and false while the call waits for
// something else. maybeBilled is true if that request, or an earlier request of the
// call, may have been billed. If ctx holds no function, Report does nothing.
func Report(ctx context.Context, sent, maybeBilled bool) {
	if report, ok := ctx.Value(key{}).(func(sent, maybeBilled bool)); ok {
		report(sent, maybeBilled)
	}
}
