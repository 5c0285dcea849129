// Package id2meta answers whether a name and a Chinese resident ID number belong
// to the same person, by Alibaba Cloud's Id2MetaVerify (身份二要素核验).
//
// Most programs need [New], once, and [Client.Verify], for each person:
//
//	client, err := id2meta.New()
//	…
//	result, err := client.Verify(ctx, id2meta.Param{UserName: name, IdentifyNum: number})
//	if err != nil {
//		return err // there is no verdict
//	}
//	if !result.Match() {
//		return errNotThisPerson
//	}
//
// # Verdicts and errors
//
// A [Result] is a verdict: match, mismatch, or no record. Everything else is an
// error, and the Result beside it is zero and does not match, so that a caller
// who forgets to look at the error still pays nobody. errors.Is tells the kinds
// of errors apart; the list begins at [ErrInvalidParam].
//
// # Credentials
//
// Without [WithCredential] the provider chain of github.com/aliyun/credentials-go
// is asked: environment, OIDC, profiles, ECS RAM role, credentials URI. It is
// asked by one goroutine at a time, however many callers wait. An STS token is
// renewed by itself, and a credential that appears later is found.
//
// # Retries and the bill
//
// A call that the authoritative source answered may be billed. So [Client.Verify]
// tries again only what the service has not seen, or has answered with a failure
// that may pass. What was sent and not answered is given up with an error that
// says so; [WithRetryUnanswered] changes that. Endpoints that give no connection
// are passed over for 30 s.
//
// # The rate limit
//
// The service allows one account 50 calls a second, over all its machines.
// [WithLimiter] makes each request wait for its turn.
//
// # Personal data
//
// Name and number are sent in the body of a POST request, over TLS, and stand
// nowhere else: not in an address, an error, a log record or a printed [Param].
// Sending them masked ([MD5Param]) is possible, and is no encryption. Package
// [github.com/id2meta/id2meta/sm2param] encrypts them for the service alone.
//
// # Tests
//
// Depend on the interface [Verifier], and put a [VerifierFunc] or a mock in the
// Client's place. Or run the real Client against package
// [github.com/id2meta/id2meta/id2metatest], a simulator of the service.
package id2meta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/alibabacloud-go/tea/dara"
)

// Verifier answers whether a name and an ID number belong to the same person.
// [Client] asks the service. A service should depend on this interface, so that
// its tests need no network; [VerifierFunc] makes a function one.
//
// Verify is safe for concurrent use. Without an error the Result holds one of the
// three verdicts. An error means that there is none, and the Result beside it is
// zero. Errors may be logged: they hold nothing of the person.
type Verifier interface {
	Verify(ctx context.Context, param Param) (Result, error)
}

// VerifierFunc is a function that is a [Verifier].
type VerifierFunc func(ctx context.Context, param Param) (Result, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, param Param) (Result, error) {
	return f(ctx, param)
}

// Client asks Alibaba Cloud's Id2MetaVerify (product Cloudauth, version
// 2019-03-07). It is made by [New], safe for concurrent use, and meant to be
// made once and kept, since it holds the connections, the credential and what
// it knows of the endpoints.
type Client struct {
	settings
	sender     *sender
	endpoints  *endpoints
	credential resolver
}

// New returns a Client. It does not use the network and needs no credential
// yet: the first Verify asks for one. An option that cannot be used is an error
// that names it.
func New(opts ...Option) (*Client, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	if s.httpClient == nil {
		s.httpClient = &http.Client{Transport: newTransport()}
	}
	sender, err := newSender(s.httpClient)
	if err != nil {
		return nil, err
	}
	return &Client{
		settings:   s,
		sender:     sender,
		endpoints:  newEndpoints(s.hosts),
		credential: resolver{given: s.given},
	}, nil
}

// CloseIdleConnections closes the connections that no call is using. The Client
// may be used again afterwards. With [WithHTTPClient] these are all that the given
// client's Transport keeps, also for others who share it.
func (c *Client) CloseIdleConnections() {
	if c != nil && c.sender != nil {
		c.sender.http.CloseIdleConnections()
	}
}

// Format implements [fmt.Formatter]. Every verb writes the type's name: printing
// the fields would race with calls under way, and show a credential.
func (c *Client) Format(f fmt.State, _ rune) { io.WriteString(f, "*id2meta.Client") }

// Backoff between attempts: exponential, with full jitter.
const (
	backoffBase = 100 * time.Millisecond
	backoffCap  = 2 * time.Second
)

// Verify asks whether param's name and number belong to the same person.
//
// It validates param before any network (see [Param.Validate]), and then asks
// the endpoints in their order until there is a verdict, the attempts are used
// up ([WithMaxAttempts]), or the time is ([WithTimeout], or ctx). It tries
// again only what cannot have been billed, or was answered with a failure that
// may pass:
//
//   - No connection to an endpoint: the next one, at once. The endpoint is
//     passed over for 30 s, unless all are.
//   - HTTP 5xx, Code 500, Code 402: the next endpoint, after a backoff.
//   - Throttled: after the time that the answer names, or a backoff.
//   - Sent and not answered: not again, since it may have been billed, unless
//     [WithRetryUnanswered] was given.
//
// Any verdict, also a mismatch, is a Result without an error. An error is one
// of those of errors.Is at [ErrInvalidParam] and below, or ctx's. When attempts
// were used up, it is that of the last one. No error holds the name, the number
// or a secret.
func (c *Client) Verify(ctx context.Context, param Param) (Result, error) {
	switch {
	case c == nil || c.sender == nil:
		return Result{}, errors.New("id2meta: Verify: the Client was not made by New")
	case ctx == nil:
		return Result{}, errors.New("id2meta: Verify: the context is nil")
	}
	normal, err := param.Normalize()
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	k := call{client: c, given: param, param: normal, tried: make([]int, len(c.endpoints.list))}
	for {
		result, failed := k.attempt(ctx)
		if failed == nil {
			return result, nil
		}
		wait, again := k.plan(failed)
		switch {
		case fits(ctx, wait):
		case failed.stage == answered:
			again = false
		default:
			wait = 0 // nobody asked for it: rather at once than not at all
		}
		if !again || k.attempts == c.maxAttempts {
			return Result{}, k.giveUp(failed)
		}
		k.logRetry(ctx, failed, wait)
		k.earlier = failed.err
		k.unanswered = k.unanswered || failed.stage == unanswered
		if err := sleep(ctx, wait); err != nil {
			return Result{}, k.giveUp(&failure{err: fmt.Errorf("id2meta: waiting to try again: %w", err)})
		}
	}
}

// call is one Verify on its way.
type call struct {
	client   *Client
	given    Param // as the caller gave it, and as a server may echo it
	param    Param // as it is sent
	attempts int   // made so far
	tried    []int // of these, by endpoint
	earlier  error // of the attempt before, or nil

	unanswered bool // one of the attempts before was
}

// stage is how far an attempt came that gave no verdict.
type stage int

const (
	refused    stage = iota // there was nothing to send, or no time left
	unsent                  // no connection: the service has seen nothing
	unanswered              // sent: the service may have verified and billed it
	answered                // the service answered with a failure
)

// failure is why an attempt gave no verdict.
type failure struct {
	stage      stage
	err        error
	retryAfter time.Duration // what a throttled answer says to wait, or 0
}

// plan says whether to try again after a failed attempt, and after which wait.
func (k *call) plan(f *failure) (wait time.Duration, again bool) {
	switch f.stage {
	case refused:
		return 0, false
	case unsent:
		if slices.Contains(k.tried, 0) {
			return 0, true
		}
		return k.backoff(), true
	case unanswered:
		return k.backoff(), k.client.retryUnanswered
	}
	switch {
	case errors.Is(f.err, ErrThrottled) && f.retryAfter > 0:
		return f.retryAfter, true
	case errors.Is(f.err, ErrThrottled), errors.Is(f.err, ErrServer), errors.Is(f.err, ErrSourceUnavailable):
		return k.backoff(), true
	}
	return 0, false
}

// backoff is exponential with full jitter: callers that failed together do not
// come back together.
func (k *call) backoff() time.Duration {
	longest := min(backoffBase<<(min(k.attempts, 10)-1), backoffCap)
	return rand.N(longest)
}

// attempt makes one request and returns its verdict, or why there is none.
func (k *call) attempt(ctx context.Context) (Result, *failure) {
	c := k.client
	credential, err := c.credential.resolve(ctx)
	if err != nil {
		return Result{}, &failure{err: err}
	}
	if c.limiter != nil {
		if err := c.limiter.Wait(ctx); err != nil {
			return Result{}, &failure{err: limiterError(ctx, err)}
		}
	}
	if err := ended(ctx); err != nil {
		return Result{}, &failure{err: fmt.Errorf("id2meta: nothing was sent: %w", err)}
	}
	i := c.endpoints.next(k.tried)
	r := request{
		host:       c.endpoints.list[i].host,
		param:      k.param,
		credential: credential,
		connect:    connectBudget,
	}
	if left := c.maxAttempts - k.attempts; left > 1 { // the last may take until ctx is done
		share := timeLeft(ctx) / time.Duration(left)
		r.connect = min(connectBudget, share)
		if c.retryUnanswered {
			r.answer = share
		}
	}
	k.attempts++
	k.tried[i]++
	started := time.Now()
	x := c.sender.send(ctx, r)
	took := time.Since(started)

	switch {
	case x.sent():
		c.endpoints.works(i)
	case !x.noFault(ctx, took):
		c.endpoints.setAside(i)
	}
	result, failed := k.outcome(ctx, r, x)
	k.logAttempt(ctx, r.host, took, x.status, result, failed)
	if failed != nil && errors.Is(failed.err, ErrCredential) {
		c.credential.forget(credential)
	}
	return result, failed
}

// outcome reads what became of a request.
func (k *call) outcome(ctx context.Context, r request, x *exchange) (Result, *failure) {
	hide := redactor{given: k.given, request: r}
	done := ended(ctx)
	switch {
	case x.err != nil && done != nil && x.sent():
		return Result{}, &failure{err: fmt.Errorf("id2meta: waiting for the answer of %s, which may have billed the call: %w", r.host, done)}
	case x.err != nil && done != nil:
		return Result{}, &failure{err: fmt.Errorf("id2meta: connecting to %s: %w", r.host, done)}
	case x.err != nil && x.sent():
		return Result{}, &failure{stage: unanswered,
			err: fmt.Errorf("%w: %s did not answer, and may have billed the call: %w", ErrServer, r.host, hide.cause(x.err))}
	case x.err != nil:
		return Result{}, &failure{stage: unsent,
			err: fmt.Errorf("%w: no connection to %s: %w", ErrServer, r.host, hide.cause(x.err))}
	}
	a, err := x.decode()
	if verdict, ok := a.verdict(); ok && err == nil && x.status == http.StatusOK {
		return Result{BizCode: verdict, RequestID: hide.requestID(dara.StringValue(a.RequestId))}, nil
	}
	apiError := x.apiError(r.host, a, &hide)
	stage := answered
	if x.status != http.StatusOK && apiError.Code == "200" {
		stage = unanswered // something changed it on its way: it may be billed
	}
	return Result{}, &failure{stage: stage, err: apiError, retryAfter: apiError.RetryAfter}
}

// giveUp returns the error of the last attempt as the call's own, and says what
// there was before it.
func (k *call) giveUp(f *failure) error {
	if k.earlier == nil {
		return f.err
	}
	before := "after 1 attempt"
	if k.attempts > 1 {
		before = fmt.Sprintf("after %d attempts", k.attempts)
	}
	if k.unanswered {
		before += ", of which an earlier one was not answered and may have been billed"
	}
	if f.stage == refused {
		// There was no leave or no time for another; why one was needed is the
		// last that the service said.
		return fmt.Errorf("%w (%s: %w)", f.err, before, k.earlier)
	}
	return fmt.Errorf("%w (%s)", f.err, before)
}

func (k *call) logAttempt(ctx context.Context, host string, took time.Duration, status int, result Result, failed *failure) {
	if !k.client.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	code, requestID := "200", result.RequestID
	if failed != nil {
		code = ""
		if e, ok := errors.AsType[*APIError](failed.err); ok {
			code, requestID = e.Code, e.RequestID
		}
	}
	k.client.logger.LogAttrs(ctx, slog.LevelDebug, "id2meta: attempt",
		slog.String("endpoint", host),
		slog.Int("attempt", k.attempts),
		slog.Duration("duration", took),
		slog.Int("http_status", status),
		slog.String("code", code),
		slog.String("request_id", requestID))
}

func (k *call) logRetry(ctx context.Context, failed *failure, wait time.Duration) {
	message := "id2meta: retry"
	if failed.stage == unsent {
		message = "id2meta: failover"
	}
	k.client.logger.LogAttrs(ctx, slog.LevelWarn, message,
		slog.Int("attempt", k.attempts),
		slog.Duration("wait", wait),
		slog.String("reason", failed.err.Error()))
}

// limiterError says that nothing was sent for want of the limiter's leave.
func limiterError(ctx context.Context, err error) error {
	if done := ended(ctx); done != nil {
		return fmt.Errorf("id2meta: waiting for the limiter: %w", done)
	}
	return fmt.Errorf("%w: the limiter refused: %w", ErrThrottled, err)
}

// ended is ctx.Err(), also for a deadline that has passed and whose timer has not
// fired yet.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil || timeLeft(ctx) > 0 {
		return err
	}
	return context.DeadlineExceeded
}

func timeLeft(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline() // Verify has given it one
	return time.Until(deadline)
}

// fits reports whether ctx leaves time for more than a wait.
func fits(ctx context.Context, wait time.Duration) bool {
	return ctx.Err() == nil && wait < timeLeft(ctx)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
