package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/id2meta/id2meta"
)

// advice turns an error into one line that says what to do. The library's
// errors hold neither the name nor the number.
func advice(err error) string {
	todo := "see the table of errors in the README"
	var apiError *id2meta.APIError
	answered := errors.As(err, &apiError)
	switch {
	case errors.Is(err, id2meta.ErrInvalidParam) && answered && apiError.Field != "":
		todo = "correct the " + apiError.Field
	case errors.Is(err, id2meta.ErrInvalidParam):
		todo = "correct the name or the number"
	case errors.Is(err, id2meta.ErrCredential) && !answered:
		todo = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (and ALIBABA_CLOUD_SECURITY_TOKEN for STS)"
	case errors.Is(err, id2meta.ErrCredential):
		todo = "check the access key, the STS token and this machine's clock"
	case errors.Is(err, id2meta.ErrAccessDenied):
		todo = "grant the RAM user the policy AliyunYundunCloudAuthFullAccess"
	case errors.Is(err, id2meta.ErrNotActivated):
		todo = "activate the service in the console of Alibaba Cloud"
	case errors.Is(err, id2meta.ErrOverdue):
		todo = "settle the account's bill"
	case errors.Is(err, id2meta.ErrThrottled):
		todo = "wait and try again; the account allows 50 calls a second"
	case errors.Is(err, id2meta.ErrSourceUnavailable), errors.Is(err, id2meta.ErrUnavailable):
		todo = "try again later"
	case errors.Is(err, id2meta.ErrRepeatedCall):
		todo = "do not ask about this person again for now"
	case errors.Is(err, context.DeadlineExceeded):
		todo = "check the network and try again"
	case errors.Is(err, context.Canceled):
		todo = "interrupted"
	}
	if answered && apiError.Recommend != "" {
		todo += ", or read " + apiError.Recommend
	}
	return fmt.Sprintf("%s (%v)", todo, err)
}
