package main

import (
	"errors"
	"fmt"

	"github.com/id2meta/id2meta"
)

// advice returns one line that says what to do about err. The errors of the library hold
// neither the name nor the number.
func advice(err error) string {
	return fmt.Sprintf("%s (%v)", whatToDo(err), err)
}

func whatToDo(err error) string {
	switch id2meta.RemedyOf(err) {
	case id2meta.RemedyCorrectInput:
		if e, ok := errors.AsType[*id2meta.APIError](err); ok && e.Field != "" {
			return "correct the " + e.Field
		}
		return "correct the name or the number"
	case id2meta.RemedyTryLater:
		return "try again later"
	case id2meta.RemedyNotThisPerson:
		return "do not ask about this person again for now"
	case id2meta.RemedyOperator:
		return "the account, the access key or this machine needs attention; docs/errors.md says what to do"
	}
	return "no verdict; docs/errors.md says more"
}
