// Package progress carries a signal from whoever makes a request back to
// whoever started the call: whether a request is on its way to the service, and
// whether the call may have been billed. The signal travels in a context, through any middleware between the two.
package progress

import "context"

type key struct{}

// With returns a context whose [Report] calls report. Report may call it from
// any goroutine.
func With(ctx context.Context, report func(sent, maybeBilled bool)) context.Context {
	return context.WithValue(ctx, key{}, report)
}

// Report tells the function of [With] whether a request is on its way: true
// before the first byte may reach the service, false while the call waits for
// something else. With sent false, maybeBilled tells whether an earlier request
// of the call may have been billed. Without a function Report does nothing.
func Report(ctx context.Context, sent, maybeBilled bool) {
	if report, ok := ctx.Value(key{}).(func(sent, maybeBilled bool)); ok {
		report(sent, maybeBilled)
	}
}
