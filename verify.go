package id2meta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/id2meta/id2meta/internal/credential"
	"github.com/id2meta/id2meta/internal/redact"
	"github.com/id2meta/id2meta/internal/transport"
)

// version is what the User-Agent says of this library.
const version = "0.1.0"

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
//   - HTTP 5xx, Code 500, Code 402 for the source's sake: the next endpoint, after
//     a backoff.
//   - Throttled: after the time that the answer names, or a backoff.
//   - Sent and not answered: not again, since it may have been billed, unless
//     [WithRetryUnanswered] was given.
//
// Any verdict, also a mismatch, is a Result without an error. An error is one
// of those of errors.Is at [ErrInvalidParam] and below, or ctx's. When attempts
// were used up, it is that of the last one. [ErrMaybeBilled] beside it tells that
// the service may have answered and billed one of them. No error holds the name,
// the number or a secret.
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

	k := call{Client: c, given: param, param: normal, tried: make([]int, c.endpoints.Len())}
	for {
		result, failed := k.attempt(ctx)
		if failed == nil {
			return result, nil
		}
		wait, again := k.plan(ctx, failed)
		if !again || k.attempts == c.maxAttempts {
			return Result{}, k.giveUp(failed)
		}
		k.logRetry(ctx, failed, wait)
		k.earlier = failed.err
		k.maybeBilled = k.maybeBilled || failed.maybeBilled
		if err := sleep(ctx, wait); err != nil {
			return Result{}, k.giveUp(&failure{err: fmt.Errorf("id2meta: waiting to try again: %w", err)})
		}
	}
}

// call is one Verify on its way.
type call struct {
	*Client
	given    Param // as the caller gave it, and as a server may echo it
	param    Param // as it is sent
	attempts int   // made so far
	tried    []int // of these, by endpoint
	earlier  error // of the attempt before, or nil

	maybeBilled bool // one of the attempts before was
}

// failure is why an attempt gave no verdict.
type failure struct {
	kind        kind
	err         error
	maybeBilled bool          // the service may have given a verdict
	retryAfter  time.Duration // what a throttled answer says to wait, or 0
}

// kind is a row of the table of what happened and what is then done; see plan.
type kind int

const (
	impossible kind = iota // there was nothing to send, or no time left
	unsent                 // no connection: the service has seen nothing
	unanswered             // sent: the service may have verified and billed it
	failing                // the service answered with a failure that may pass
	throttled              // the service answered that the account asks too often
	final                  // the service answered what another attempt will not change
)

// plan says whether to try again after a failed attempt, and after which wait.
func (k *call) plan(ctx context.Context, f *failure) (wait time.Duration, again bool) {
	switch f.kind {
	case unsent:
		if slices.Contains(k.tried, 0) {
			return 0, true
		}
		return orAtOnce(ctx, k.backoff()), true
	case unanswered:
		return orAtOnce(ctx, k.backoff()), k.retryUnanswered
	case failing:
		wait = k.backoff()
		return wait, fits(ctx, wait)
	case throttled:
		if wait = f.retryAfter; wait <= 0 {
			wait = k.backoff()
		}
		return wait, fits(ctx, wait)
	}
	return 0, false
}

// backoff is exponential with full jitter: callers that failed together do not
// come back together.
func (k *call) backoff() time.Duration {
	longest := min(backoffBase<<(min(k.attempts, 10)-1), backoffCap)
	return rand.N(longest)
}

// orAtOnce is a wait that nobody asked for: rather none than no other attempt.
func orAtOnce(ctx context.Context, wait time.Duration) time.Duration {
	if fits(ctx, wait) {
		return wait
	}
	return 0
}

// attempt makes one request and returns its verdict, or why there is none.
func (k *call) attempt(ctx context.Context) (Result, *failure) {
	key, err := k.credential.Resolve(ctx)
	if err != nil {
		return Result{}, &failure{err: credentialError(ctx, err)}
	}
	if k.limiter != nil {
		if err := k.limiter.Wait(ctx); err != nil {
			return Result{}, &failure{err: limiterError(ctx, err)}
		}
	}
	if err := ended(ctx); err != nil {
		return Result{}, &failure{err: fmt.Errorf("id2meta: nothing was sent: %w", err)}
	}
	i := k.endpoints.Next(k.tried)
	r := k.request(ctx, i, key)
	k.attempts++
	k.tried[i]++
	started := time.Now()
	o := k.sender.Send(ctx, r)
	took := time.Since(started)

	switch {
	case o.Sent:
		k.endpoints.Works(i)
	case o.Dead:
		k.endpoints.CoolDown(i)
	}
	result, failed := k.read(ctx, r.Host, k.redactor(key), o)
	k.logAttempt(ctx, r.Host, took, o.Status, result, failed)
	if failed != nil && errors.Is(failed.err, ErrCredential) {
		k.credential.Forget(key)
	}
	return result, failed
}

// request returns the question for endpoint i, and its share of the time.
func (k *call) request(ctx context.Context, i int, key credential.Key) transport.Request {
	r := transport.Request{
		Host:    k.endpoints.Host(i),
		Action:  "Id2MetaVerify",
		Version: "2019-03-07",
		Form: form(cloudauth.Id2MetaVerifyRequest{
			ParamType:   (*string)(&k.param.ParamType),
			UserName:    &k.param.UserName,
			IdentifyNum: &k.param.IdentifyNum,
		}),
		UserAgent:  "id2meta/" + version,
		Credential: transport.Credential(key),
		Connect:    transport.ConnectBudget,
	}
	if left := k.maxAttempts - k.attempts; left > 1 { // the last may take until ctx is done
		share := timeLeft(ctx) / time.Duration(left)
		r.Connect = min(r.Connect, share)
		if k.retryUnanswered {
			r.Answer = share
		}
	}
	return r
}

// form encodes the SDK's model as the SDK does.
func form(r cloudauth.Id2MetaVerifyRequest) string {
	return "IdentifyNum=" + url.QueryEscape(*r.IdentifyNum) +
		"&ParamType=" + url.QueryEscape(*r.ParamType) +
		"&UserName=" + url.QueryEscape(*r.UserName)
}

// redactor hides what a server, or the network, may repeat of a request.
func (k *call) redactor(key credential.Key) *redact.Redactor {
	r := &redact.Redactor{Tokens: []string{key.SecurityToken, key.BearerToken}}
	if k.param.ParamType == ParamTypeNormal {
		r.Date = k.param.IdentifyNum[6:14]
	}
	r.Secrets = func() []string {
		secrets := []string{
			k.param.UserName, strings.TrimSpace(k.given.UserName),
			k.param.IdentifyNum, strings.TrimSpace(k.given.IdentifyNum),
			key.AccessKeySecret,
		}
		if k.param.ParamType == ParamTypeNormal {
			masked, _ := MD5Param(k.param.UserName, k.param.IdentifyNum)
			secrets = append(secrets, masked.UserName, masked.IdentifyNum)
		}
		return secrets
	}
	return r
}

// read says what became of a request.
func (k *call) read(ctx context.Context, host string, hide *redact.Redactor, o transport.Outcome) (Result, *failure) {
	a, err := decodeAnswer(o.Body)
	if verdict, ok := a.verdict(); ok && err == nil && o.Status == http.StatusOK { // in time or late
		return Result{BizCode: verdict, RequestID: hide.ID(dara.StringValue(a.RequestId))}, nil
	}
	done := ended(ctx)
	switch {
	case done != nil && o.Sent:
		return Result{}, &failure{maybeBilled: true,
			err: fmt.Errorf("id2meta: waiting for the answer of %s: %w", host, done)}
	case done != nil:
		return Result{}, &failure{err: fmt.Errorf("id2meta: connecting to %s: %w", host, done)}
	case o.Err != nil && o.Sent:
		return Result{}, &failure{kind: unanswered, maybeBilled: true,
			err: fmt.Errorf("%w: %s did not answer: %w", ErrUnavailable, host, hide.Error(o.Err))}
	case o.Err != nil:
		return Result{}, &failure{kind: unsent,
			err: fmt.Errorf("%w: no connection to %s: %w", ErrUnavailable, host, hide.Error(o.Err))}
	}
	return Result{}, answered(newAPIError(host, o, a, hide))
}

// answered returns the failure that an answer is.
func answered(e *APIError) *failure {
	f := &failure{kind: final, err: e, retryAfter: e.RetryAfter}
	switch sentinel := e.sentinel(); {
	case e.Code == "200" && e.StatusCode != http.StatusOK:
		f.kind, f.maybeBilled = unanswered, true // something changed a verdict on its way
	case sentinel == ErrUnexpectedResponse:
		f.maybeBilled = e.StatusCode/100 == 2
	case sentinel == ErrThrottled:
		f.kind = throttled
	case sentinel == ErrUnavailable, sentinel == ErrSourceUnavailable && !e.refusedByPolicy():
		f.kind, f.maybeBilled = failing, e.isProxys()
	}
	return f
}

// giveUp returns the error of the last attempt as the call's own, and says what
// there was before it.
func (k *call) giveUp(f *failure) error {
	err := f.err
	if k.earlier != nil {
		before := "after 1 attempt"
		if k.attempts > 1 {
			before = fmt.Sprintf("after %d attempts", k.attempts)
		}
		if k.maybeBilled {
			before += ", of which an earlier one was not answered"
		}
		if f.kind == impossible {
			// There was no leave or no time for another; why one was needed is the
			// last that the service said.
			err = fmt.Errorf("%w (%s: %w)", err, before, k.earlier)
		} else {
			err = fmt.Errorf("%w (%s)", err, before)
		}
	}
	if f.maybeBilled || k.maybeBilled {
		return &maybeBilledError{err}
	}
	return err
}

func (k *call) logAttempt(ctx context.Context, host string, took time.Duration, status int, result Result, failed *failure) {
	if !k.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	code, requestID := "200", result.RequestID
	if failed != nil {
		code = ""
		if e, ok := errors.AsType[*APIError](failed.err); ok {
			code, requestID = e.Code, e.RequestID
		}
	}
	k.logger.LogAttrs(ctx, slog.LevelDebug, "id2meta: attempt",
		slog.String("endpoint", host),
		slog.Int("attempt", k.attempts),
		slog.Duration("duration", took),
		slog.Int("http_status", status),
		slog.String("code", code),
		slog.String("request_id", requestID))
}

func (k *call) logRetry(ctx context.Context, failed *failure, wait time.Duration) {
	message := "id2meta: retry"
	if failed.kind == unsent {
		message = "id2meta: failover"
	}
	k.logger.LogAttrs(ctx, slog.LevelWarn, message,
		slog.Int("attempt", k.attempts),
		slog.Duration("wait", wait),
		slog.String("reason", failed.err.Error()))
}

// credentialError says that nothing was sent for want of a credential.
func credentialError(ctx context.Context, err error) error {
	if err == ctx.Err() {
		return fmt.Errorf("id2meta: waiting for the credential provider: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrCredential, err)
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
