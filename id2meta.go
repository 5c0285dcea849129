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
// that may pass. What was sent and not answered is given up with an error in which
// errors.Is finds [ErrMaybeBilled]; [WithRetryUnanswered] changes that. Endpoints that
// give no connection are passed over for 30 s.
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
	"fmt"
	"io"

	"github.com/id2meta/id2meta/internal/credential"
	"github.com/id2meta/id2meta/internal/transport"
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
	sender     *transport.Sender
	endpoints  *transport.Endpoints
	credential credential.Resolver
	answerTime answerTime
	stats      counters
}

// New returns a Client. New does not use the network and needs no credential yet:
// the first Verify asks for a credential. New returns an error that names an Option
// that cannot be used.
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
		credential: credential.Resolver{Given: s.provider, Func: s.keyFunc},
	}, nil
}

// CloseIdleConnections closes the connections that no call is using. The Client can
// be used again afterwards. With [WithHTTPClient], CloseIdleConnections also closes
// connections of others who share the Transport of that client.
func (c *Client) CloseIdleConnections() {
	if c != nil && c.sender != nil {
		c.sender.CloseIdleConnections()
	}
}

// Format implements [fmt.Formatter]. Every verb writes the name of the type: to
// print the fields would race with calls under way, and show a credential.
func (c *Client) Format(f fmt.State, _ rune) { io.WriteString(f, "*id2meta.Client") }
