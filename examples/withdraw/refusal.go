package main

import (
	"context"
	"encoding/json"
	"errors"
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

	Code   string `json:"error"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason,omitempty"` // for people
}

func (r refusal) Error() string { return r.Code }

const (
	// retryAfterOutage is for failures that do not say how long they will last.
	retryAfterOutage = 5 * time.Second
	// retryAfterRepeated is a guess: the service does not tell how long a
	// question counts as repeated.
	retryAfterRepeated = 10 * time.Minute
)

// refusalOf is the table of the README: what each error is answered with.
// Whatever is not in it is our own trouble, and none of the client's business.
func refusalOf(err error) refusal {
	if r, ok := errors.AsType[refusal](err); ok {
		return r
	}
	if f, ok := errors.AsType[databaseFault](err); ok && f.away {
		return refusal{status: http.StatusServiceUnavailable, Code: "try_again", retryAfter: retryAfterOutage}
	}
	switch {
	case errors.Is(err, id2meta.ErrInvalidParam):
		return invalidPerson(err)
	case errors.Is(err, id2meta.ErrRepeatedCall):
		return refusal{status: http.StatusTooManyRequests, Code: "asked_too_often", retryAfter: retryAfterRepeated}
	case errors.Is(err, id2meta.ErrThrottled),
		errors.Is(err, id2meta.ErrSourceUnavailable),
		errors.Is(err, id2meta.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded):
		return refusal{status: http.StatusServiceUnavailable, Code: "try_again", retryAfter: retryAfter(err)}
	}
	return refusal{status: http.StatusInternalServerError, Code: "internal"}
}

// invalidPerson speaks of the fields of the request, not of those of id2meta.
func invalidPerson(err error) refusal {
	r := refusal{status: http.StatusBadRequest, Code: "invalid_field"}
	names := strings.NewReplacer("UserName", "name", "IdentifyNum", "id_number")
	if param, ok := errors.AsType[*id2meta.ParamError](err); ok {
		r.Field, r.Reason = names.Replace(param.Field), names.Replace(param.Reason)
		return r
	}
	// It was the service that found it, and it does not always say where.
	r.Reason = "the name or the id_number was not accepted"
	if api, ok := errors.AsType[*id2meta.APIError](err); ok && (api.Field == "UserName" || api.Field == "IdentifyNum") {
		r.Field = names.Replace(api.Field)
		r.Reason = "it was not accepted"
	}
	return r
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*id2meta.APIError](err); ok && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	return retryAfterOutage
}

func (r refusal) write(w http.ResponseWriter) {
	if r.retryAfter > 0 {
		// Rounded up: a client that comes too early only comes again.
		seconds := (r.retryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	writeJSON(w, r.status, r)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a client that has left is no concern of ours
}
