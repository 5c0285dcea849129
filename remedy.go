package id2meta

import (
	"errors"

	"github.com/id2meta/id2meta/internal/identity"
)

// Remedy says who can do something about an error. [RemedyOf] finds it.
type Remedy int

// The remedies.
const (
	RemedyNone          Remedy = iota // there is no error
	RemedyCorrectInput                // the person who typed the name and the number can correct them
	RemedyTryLater                    // the same call may succeed later
	RemedyNotThisPerson               // the service was asked about this person too often: do not ask about this person for now
	RemedyOperator                    // the operator of the program must act: a key, a permission, a payment, a certificate
	RemedyReport                      // probably a defect, in this package, in the program or in the service: report it
)

// RemedyOf returns the Remedy of an error that a [Verifier] returned. It returns
// RemedyNone for nil, RemedyTryLater for the errors of a context, and RemedyReport for
// an error that is not of this package, and for a [ParamError] that is a mistake of the
// program, such as an unknown ParamType. docs/errors.md lists the Remedy of every error.
func RemedyOf(err error) Remedy {
	if err == nil {
		return RemedyNone
	}
	if e, ok := errors.AsType[*ParamError](err); ok && identity.IsOfProgram(identity.Problem(e.Problem)) {
		return RemedyReport
	}
	if o := outcomeOf(err); o != nil {
		return o.remedy
	}
	return RemedyReport
}

// String returns the remedy in English words, such as "try later".
func (r Remedy) String() string {
	switch r {
	case RemedyNone:
		return "none"
	case RemedyCorrectInput:
		return "correct the input"
	case RemedyTryLater:
		return "try later"
	case RemedyNotThisPerson:
		return "not this person"
	case RemedyOperator:
		return "operator"
	}
	return "report"
}

// Chinese returns a Chinese sentence that a program may show to its user. It is empty
// for RemedyNone.
func (r Remedy) Chinese() string {
	switch r {
	case RemedyNone:
		return ""
	case RemedyCorrectInput:
		return "请核对姓名和身份证号。"
	case RemedyTryLater:
		return "系统繁忙，请稍后再试。"
	case RemedyNotThisPerson:
		return "该身份信息核验次数过多，请过一段时间再试。"
	}
	return "核验服务暂时不可用，请联系客服。"
}
