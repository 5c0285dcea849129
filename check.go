package id2meta

import (
	"context"
	"errors"
	"fmt"
	"time"
)

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
	if reached := c.daily.reached(time.Now()); reached != nil {
		return reached
	}
	_, err := c.send(ctx, &call{Client: c, param: Param{ParamType: ParamTypeNormal}, ofNobody: true})
	if err == nil {
		return fmt.Errorf("%w: a verdict, although nobody was asked about", ErrUnexpectedResponse)
	}
	if e, ok := errors.AsType[*APIError](err); ok && (e.outcome().code == "400" || e.outcome().code == "401") {
		return nil // the service refused the empty number, and nothing before it
	}
	return err
}
