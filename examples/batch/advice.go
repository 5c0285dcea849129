package main

import (
	"errors"
	"fmt"

	"github.com/id2meta/id2meta"
)

// advise adds to an error that stopped a run what to do about it.
func advise(err error) error {
	advice := ""
	switch {
	case errors.Is(err, id2meta.ErrCredential):
		advice = "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or see that they are right, and that this machine's clock is"
	case errors.Is(err, id2meta.ErrAccessDenied):
		advice = "Grant the RAM user the policy AliyunYundunCloudAuthFullAccess"
	case errors.Is(err, id2meta.ErrNotActivated):
		advice = "Activate the service (身份二要素核验) in the Alibaba Cloud console"
	case errors.Is(err, id2meta.ErrOverdue):
		advice = "Pay what the account owes"
	default:
		return err
	}
	return fmt.Errorf("%w\nNo row was marked failed for it. %s; then start again with the same arguments to continue", err, advice)
}
