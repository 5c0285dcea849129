// Package progress carries one signal from the code that sends a request back to the
// code that started the call: whether a request is on its way to the service. The
// signal travels in a context, through any middleware between the two.
package progress

import "context"

type key struct{}

// With returns a context for which [Report] calls report. Report may call report from
// any goroutine.
func With(ctx context.Context, report func(sent bool)) context.Context {
	return context.WithValue(ctx, key{}, report)
}

// Report calls the function that [With] put into ctx. sent is true before the first
// byte of a request may reach the service, and false while the call waits for
// something else. If ctx holds no function, Report does nothing.
func Report(ctx context.Context, sent bool) {
	if report, ok := ctx.Value(key{}).(func(sent bool)); ok {
		report(sent)
	}
}
