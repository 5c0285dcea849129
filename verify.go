package id2meta

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/id2meta/id2meta/internal/credential"
	"github.com/id2meta/id2meta/internal/ctxerr"
	"github.com/id2meta/id2meta/internal/progress"
	"github.com/id2meta/id2meta/internal/redact"
	"github.com/id2meta/id2meta/internal/transport"
)

// version is the version of this library in the User-Agent.
const version = "0.1.0"

// Verify checks whether the name and the number of param belong to the same person.
//
// Verify first validates param without any network (see [Param.Validate]). Then
// Verify sends a request to the first endpoint that is not cooling down. What Verify
// does after a failure depends on whether the service may have billed the request:
//
//   - No connection to the endpoint: Verify tries the next endpoint at once. The
//     endpoint has a cooldown of 30 s, during which calls go to the other endpoints.
//     If all endpoints are cooling down, Verify uses them all the same.
//   - HTTP 500, 501 or 503, Code 500, or Code 402 because the source is unavailable:
//     Verify tries the next endpoint after a backoff (at random up to 100 ms, then 200 ms, and so
//     on up to 2 s).
//   - Throttled: Verify tries again after the wait in the answer, or else
//     after a backoff.
//   - Sent and not answered, or a proxy's HTTP 502, 504 or other 5xx: Verify returns,
//     because the service may have billed the request. [WithRetryUnanswered] changes that.
//   - Any other failure: Verify returns.
//
// Verify also returns if no attempt is left ([WithMaxAttempts]), if no time is left
// ([WithTimeout], or the deadline of ctx), or if a backoff, the wait in an answer or a
// slow connection leaves too little time for an answer.
//
// Each of the three verdicts is a Result with a nil error. Otherwise the Result is
// zero, and the error is the error of the last attempt. errors.Is finds in it one of
// the errors from [ErrInvalidParam] on, or context.Canceled or
// context.DeadlineExceeded. errors.Is also finds [ErrMaybeBilled] if the service may
// have answered and billed one of the attempts. No error holds the name, the number
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
		c.stats.failed.Add(1)
		return Result{}, err
	}
	result, err := c.send(ctx, &call{Client: c, given: param, param: normal})
	c.stats.countCall(result, err)
	return result, err
}

// send makes requests until there is a verdict, or no reason to make another request.
func (c *Client) send(ctx context.Context, k *call) (Result, error) {
	ctx, cancel := withTimeout(ctx, c.timeout)
	defer cancel()

	k.deadline, _ = ctx.Deadline()
	k.total = time.Until(k.deadline)
	k.tried = make([]int, c.endpoints.Len())
	k.report = progress.Start(ctx)
	for {
		result, err := k.attempt(ctx)
		if err == nil {
			return result, nil
		}
		row := lastOutcome(err)
		if !k.ofNobody {
			c.stats.countAttempt(row)
		}
		wait, again := k.plan(ctx, row, err)
		if !again || k.attempts == c.maxAttempts {
			return Result{}, k.giveUp(err)
		}
		k.logRetry(ctx, row, err, wait)
		k.earlier = err
		k.maybeBilled = k.maybeBilled || row.billed && !k.ofNobody
		k.report(progress.State{MaybeBilled: k.maybeBilled})
		if err := sleep(ctx, wait); err != nil {
			return Result{}, k.giveUp(contextError(err, false, "waiting to try again"))
		}
	}
}

// call is one Verify under way.
type call struct {
	*Client
	given    Param // as the caller gave it; a text from outside may repeat it
	param    Param // normalized, as it is sent
	deadline time.Time
	total    time.Duration // from the start to the deadline
	attempts int           // the number of requests so far
	tried    []int         // the number of requests to each endpoint
	earlier  error         // the error of the previous attempt, or nil

	connecting time.Duration // the time for connections in earlier attempts
	connected  atomic.Int64  // in how many nanoseconds this attempt got a connection, or a constant of waiting.go

	maybeBilled bool                 // the service may have billed a previous attempt
	probe       bool                 // no request was under way when this call asked the limiter
	ofNobody    bool                 // the call of Check: it is not billed
	report      func(progress.State) // to a Cache in front of the Client
}

// attempt makes one request. It returns the verdict, or an error of which lastOutcome
// knows the outcome.
func (k *call) attempt(ctx context.Context) (Result, error) {
	key, err := k.waitForCredential(ctx)
	if err != nil {
		return Result{}, err
	}
	giveBack, err := k.takeOfToday()
	if err != nil {
		return Result{}, err
	}
	sent := false
	defer func() {
		if !sent {
			giveBack()
		}
	}()
	if err := k.waitForLimiter(ctx); err != nil {
		return Result{}, err
	}
	defer k.endRequest()
	if err := k.ended(ctx); err != nil {
		return Result{}, contextError(err, false, "nothing was sent")
	}
	i := k.endpoints.Next(k.tried)
	r := k.request(ctx, i, key)
	k.attempts++
	k.tried[i]++
	started := time.Now()
	response, took, late := k.sendInTime(ctx, r)
	sent = response.Sent

	switch {
	case response.Sent:
		k.stats.sent.Add(1)
		k.endpoints.Works(i)
	case response.Dead:
		k.endpoints.CoolDown(i)
	}
	result, err := k.read(ctx, r.Host, k.redactor(key), response)
	switch {
	case late && !response.Sent && ctx.Err() == nil:
		err = contextError(context.DeadlineExceeded, false, "connecting to "+r.Host+" took so long that too little time is left for an answer")
	case err == nil:
		k.answerTime.answered(took, k.total)
	case response.Sent && response.Err != nil && k.timeLeft() <= 0 && took < nearlyAll(k.total):
		k.answerTime.unanswered(k.total)
	}
	k.logAttempt(ctx, r.Host, time.Since(started), response.Status, result, err)
	if err != nil && lastOutcome(err).sentinel == ErrCredential {
		k.credential.Forget(key)
	}
	return result, err
}

// request returns the request to endpoint i, with its share of the time.
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
	if left := k.maxAttempts - k.attempts; left > 1 { // the last attempt may use all the time left
		share := k.timeLeft() / time.Duration(left)
		r.Connect = min(r.Connect, share)
		if k.retryUnanswered {
			r.Answer = max(share, k.answerTime.of(k.total))
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

// read returns the verdict that response holds, or an error if it holds none. A whole
// verdict counts even if ctx has ended in the meantime: it is paid for.
func (k *call) read(ctx context.Context, host string, hide *redact.Redactor, response transport.Response) (Result, error) {
	a := decodeAnswer(response.Body)
	if verdict, ok := a.verdict(); ok && response.Status == http.StatusOK {
		return Result{BizCode: verdict, RequestID: hide.ID(requestID(a, response.Header)), Time: time.Now().UTC().Round(0)}, nil
	}
	done := k.ended(ctx)
	switch {
	case response.Unasked:
		return Result{}, newOutcomeError(&unasked, host, nil)
	case response.Status != 0:
		e := newAPIError(host, response, a, hide)
		if done != nil {
			e.row, e.cause = ofContext(done, true), done
		}
		return Result{}, e
	case done != nil && response.Sent:
		return Result{}, contextError(done, true, "waiting for the answer of "+host)
	case done != nil:
		return Result{}, contextError(done, false, "connecting to "+host)
	case response.Sent:
		return Result{}, newOutcomeError(&brokenOff, host+" did not answer", ctxerr.Hide(hide.Error(response.Err)))
	}
	what := "no connection to " + host + hide.Text(explainCertificate(response.Err))
	shown := hide.Error(response.Err)
	return Result{}, newOutcomeError(ofConnection(response.Err, shown.Error()), what, ctxerr.Hide(shown))
}

// redactor returns a Redactor for this request. Texts from a server or from the
// network may repeat the person or the credential.
func (k *call) redactor(key credential.Key) *redact.Redactor {
	r := &redact.Redactor{Tokens: []string{key.SecurityToken, key.BearerToken}}
	isPlain := k.param.ParamType == ParamTypeNormal && !k.ofNobody
	switch {
	case isPlain:
		r.Date = k.param.IdentifyNum[6:14]
	case k.param.ParamType == ParamTypeMD5:
		r.Date = k.param.IdentifyNum[6 : len(k.param.IdentifyNum)-4]
	}
	r.Secrets = func() []string {
		secrets := []string{k.param.UserName, k.given.UserName, k.param.IdentifyNum, key.AccessKeySecret}
		if isPlain {
			masked, _ := MD5UserName(k.param.UserName)
			secrets = append(secrets, masked[:32]) // the md5 of the first character
		}
		return secrets
	}
	return r
}

func requestID(a answer, header http.Header) string {
	if id := dara.StringValue(a.RequestId); id != "" {
		return id
	}
	return transport.RequestID(header)
}

func (k *call) logAttempt(ctx context.Context, host string, took time.Duration, status int, result Result, failed error) {
	if !k.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	code, requestID := "200", result.RequestID
	if failed != nil {
		code = ""
		if e, ok := errors.AsType[*APIError](failed); ok {
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

func (k *call) logRetry(ctx context.Context, row *outcome, failed error, wait time.Duration) {
	message := "id2meta: retry"
	if row.retry == atOnce {
		message = "id2meta: failover"
	}
	k.logger.LogAttrs(ctx, slog.LevelWarn, message,
		slog.Int("attempt", k.attempts),
		slog.Duration("wait", wait),
		slog.String("reason", failed.Error()))
}
