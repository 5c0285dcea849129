package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/id2meta/id2meta"
)

// refusal is the answer to a withdrawal that is not paid. It is an error, so
// that whoever knows the answer can return it. Nothing of the person is in it.
type refusal struct {
	status     int
	retryAfter time.Duration // or 0

	Code    string `json:"error"`            // for programs
	Field   string `json:"field,omitempty"`  // of the request
	Reason  string `json:"reason,omitempty"` // for programmers
	Message string `json:"message"`          // for the user; if empty, see write
}

func (r refusal) Error() string { return r.Code }

const (
	// retryAfterOutage is for failures that do not say how long they will last.
	retryAfterOutage = 5 * time.Second
	// retryAfterRepeated is a guess: the service does not tell how long a call
	// counts as repeated.
	retryAfterRepeated = 10 * time.Minute
)

// refusalOf is the table of the README: what each error is answered with.
// Whatever is not in it is our own trouble, and none of the client's business.
func refusalOf(err error) refusal {
	if r, ok := errors.AsType[refusal](err); ok {
		return r
	}
	remedy := id2meta.RemedyOf(err)
	r := refusal{Message: remedy.Chinese()}
	switch remedy {
	case id2meta.RemedyCorrectInput:
		return invalidPerson(err)
	case id2meta.RemedyTryLater:
		r.status, r.Code, r.retryAfter = http.StatusServiceUnavailable, "try_again", retryAfterOutage
		if e, ok := errors.AsType[*id2meta.APIError](err); ok && e.RetryAfter > 0 {
			r.retryAfter = e.RetryAfter
		}
	case id2meta.RemedyNotThisPerson:
		r.status, r.Code, r.retryAfter = http.StatusTooManyRequests, "asked_too_often", retryAfterRepeated
	default: // RemedyOperator, RemedyReport
		r.status, r.Code = http.StatusInternalServerError, "internal"
	}
	return r
}

// invalidPerson speaks of the fields of the request, not of those of id2meta.
func invalidPerson(err error) refusal {
	r := refusal{status: http.StatusBadRequest, Code: "invalid_field", Message: id2meta.RemedyOf(err).Chinese()}
	names := strings.NewReplacer("UserName", "name", "IdentifyNum", "id_number")
	if param, ok := errors.AsType[*id2meta.ParamError](err); ok {
		r.Field, r.Reason, r.Message = names.Replace(param.Field), names.Replace(param.Reason), param.Chinese()
		return r
	}
	r.Reason = "the service did not accept the name or the id_number"
	if api, ok := errors.AsType[*id2meta.APIError](err); ok { // it does not always say where
		r.Field = names.Replace(api.Field)
	}
	return r
}

func (r refusal) write(w http.ResponseWriter) {
	if r.retryAfter > 0 {
		// Rounded up: a client that comes too early only comes again.
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(r.retryAfter.Seconds()))))
	}
	r.Message = cmp.Or(r.Message, messageOf(r.Code))
	writeJSON(w, r.status, r)
}

// messageOf is what a user may be shown of a refusal that is not id2meta's.
func messageOf(code string) string {
	return cmp.Or(map[string]string{
		"mismatch":                   "姓名与身份证号不一致。",
		"no_record":                  "未查到该身份信息，请核对后重试或联系客服。",
		"verified_as_another_person": "该账号已绑定其他实名信息，不能以他人身份提现。",
		"too_many_people":            "今天的核验次数已用完，请明天再试。",
		"idempotency_key_was_used":   "该笔提现已提交过，且内容不同，请重新发起。",
	}[code], "请求有误，请联系客服。")
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a client that has left is no concern of ours
}
