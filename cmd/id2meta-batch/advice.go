package main

import (
	"errors"
	"fmt"

	"github.com/id2meta/id2meta"
)

// advices say what an operator can do about an error.
var advices = []struct {
	err    error
	advice string
}{
	{id2meta.ErrCredential, "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or check them, and check this machine's clock"},
	{id2meta.ErrAccessDenied, "Grant the RAM user the policy AliyunYundunCloudAuthFullAccess"},
	{id2meta.ErrNotActivated, "Activate the service (身份二要素核验) in the Alibaba Cloud console"},
	{id2meta.ErrOverdue, "Pay what the account owes"},
}

// advise adds to an error that stopped a run what to do about it.
func advise(err error) error {
	if err == nil || !stopsRun(err) {
		return err
	}
	advice := "The library's docs/errors.md explains the error"
	for _, a := range advices {
		if errors.Is(err, a.err) {
			advice = a.advice
			break
		}
	}
	return fmt.Errorf("%w\nNo row was marked failed for it. %s; then start again with the same arguments to continue", err, advice)
}
