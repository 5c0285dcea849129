// Package id2meta checks whether a name and a Chinese resident ID number belong
// to the same person. It calls Alibaba Cloud's Id2MetaVerify (身份二要素核验).
//
// Most programs call [New] once, and [Client.Verify] for each person:
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
// A [Result] is a verdict: match, mismatch, or no record. Every other outcome is an
// error. The Result that comes with an error is zero, and does not match: a caller
// who forgets to check the error never takes a stranger for a match.
//
// [RemedyOf] says who can do something about an error. errors.Is tells the kinds of
// errors apart; the list of errors begins at [ErrInvalidParam].
//
// # Credentials
//
// By default the Client asks the provider chain of
// github.com/aliyun/credentials-go: environment, OIDC, profiles, ECS RAM role,
// credentials URI. The Client asks the chain from one goroutine at a time, however
// many callers wait. STS tokens are renewed automatically, and the Client finds a
// credential that appears later. [WithAccessKey], [WithAccessKeyFunc] and
// [WithCredential] replace the chain.
//
// # Retries and the bill
//
// The service may bill each request that the authoritative source answered. So
// [Client.Verify] repeats a request only if the service has not seen it, or has
// answered it with a temporary failure. Verify does not repeat a request that was sent
// and not answered: it returns an error in which errors.Is finds [ErrMaybeBilled].
// [WithRetryUnanswered] changes that. An endpoint that gives no connection has a
// cooldown of 30 s, during which calls go to the other endpoints.
//
// # The rate limit
//
// The service allows one account 50 calls a second of this API, over all its machines.
// [WithLimiter] makes each request wait for its turn.
//
// # Personal data
//
// The Client sends name and number in the body of a POST request, over TLS. They
// appear nowhere else: not in a URL, an error, a log record or a printed [Param].
// [MD5Param] masks name and number, which is not encryption. Package
// [github.com/id2meta/id2meta/sm2param] encrypts them, so that only the service can
// read them.
//
// # Tests
//
// Let your code depend on the interface [Verifier], and use a [VerifierFunc] or a
// mock in its tests. Or run the real Client against package
// [github.com/id2meta/id2meta/id2metatest], a simulator of the service.
package id2meta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/id2meta/id2meta/internal/credential"
	"github.com/id2meta/id2meta/internal/transport"
)

// Verifier checks whether a name and an ID number belong to the same person.
// [Client] is the Verifier that calls Alibaba Cloud. Programs should depend on this
// interface, so that their tests need no network. [VerifierFunc] makes a Verifier of
// a function.
//
// Verify must be safe for concurrent use. If the error is nil, the Result holds one
// of the three verdicts. If the error is not nil, there is no verdict, and the Result
// is zero. Errors must hold no personal data, so that programs may log them.
type Verifier interface {
	Verify(ctx context.Context, param Param) (Result, error)
}

// VerifierFunc is a function that is a [Verifier].
type VerifierFunc func(ctx context.Context, param Param) (Result, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, param Param) (Result, error) {
	return f(ctx, param)
}

// Client calls Alibaba Cloud's Id2MetaVerify (product Cloudauth, version
// 2019-03-07). Make a Client with [New]. A Client is safe for concurrent use. Make
// one Client and keep it: the Client holds the connections, the credential, and the
// cooldowns of the endpoints.
type Client struct {
	settings
	sender     *transport.Sender
	endpoints  *transport.Endpoints
	credential credential.Resolver
	answerTime answerTime
	stats      counters
	daily      dailyLimit
}

// New returns a Client. New does not use the network, and needs no credential: the
// first Verify asks for the credential. If an Option has an unusable value, New
// returns an error that names the Option.
func New(opts ...Option) (*Client, error) {
	s, err := newSettings(opts)
	if err != nil {
		return nil, err
	}
	sender, err := s.newSender()
	if err != nil {
		return nil, err
	}
	return &Client{
		settings:   s,
		sender:     sender,
		endpoints:  transport.NewEndpoints(s.hosts),
		credential: credential.Resolver{Provider: s.provider, KeyFunc: s.keyFunc},
		daily:      dailyLimit{max: s.dailyLimit},
	}, nil
}

// Check reports whether this Client could verify somebody now: credential, connection,
// clock, access key, permission, activation and payment. Check needs no person. It
// returns nil, or the error that Verify would return, so that [RemedyOf] says who can do
// something about it. Use Check when a program starts, and for a readiness check, at most
// once in some seconds.
//
// Check sends one request with an empty IdentifyNum. The service refuses the request with
// Code 400 or 401 before it asks a source, so Check should cost nothing. This is derived
// from the vendor's table of Codes, and from the comments of the vendor's SDK, which call
// successful queries billable. It has not been tried against the live service.
//
// The request does not wait for the [Limiter], and does not count for [WithDailyLimit].
// But Check returns the error of WithDailyLimit while that limit is reached. Check is
// safe for concurrent use, and takes as long as [WithTimeout] and ctx allow.
func (c *Client) Check(ctx context.Context) error {
	switch {
	case c == nil || c.sender == nil:
		return errors.New("id2meta: Check: the Client was not made by New")
	case ctx == nil:
		return errors.New("id2meta: Check: the context is nil")
	}
	_, err := c.send(ctx, &call{Client: c, param: Param{ParamType: ParamTypeNormal}, ofNobody: true})
	if err == nil {
		return fmt.Errorf("%w: a verdict, although nobody was asked about", ErrUnexpectedResponse)
	}
	if e, ok := errors.AsType[*APIError](err); ok {
		if o := e.outcome(); !o.billed && (o.code == "400" || o.code == "401") {
			return nil // the service refused the empty number, and nothing before it
		}
	}
	return err
}

// Timeout returns the time that one Verify may take, as [WithTimeout] set it. Package
// verdictcache takes its default lease from it.
func (c *Client) Timeout() time.Duration {
	if c == nil {
		return 0
	}
	return c.timeout
}

// CloseIdleConnections closes the connections that no call is using. The Client
// stays usable: its next call opens a new connection. With [WithHTTPClient],
// CloseIdleConnections also closes idle connections of other clients that share the
// same Transport.
func (c *Client) CloseIdleConnections() {
	if c != nil && c.sender != nil {
		c.sender.CloseIdleConnections()
	}
}

// Format implements [fmt.Formatter]. Every verb writes the name of the type,
// because the fields change during calls and may hold a credential.
func (c *Client) Format(f fmt.State, _ rune) { io.WriteString(f, "*id2meta.Client") }
