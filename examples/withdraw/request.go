package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"

	"github.com/id2meta/id2meta"
)

const (
	// maxBody, in bytes, is several times a request with the longest name.
	maxBody = 4 << 10
	// maxAmount, in fen, is 50,000 yuan.
	maxAmount = 5_000_000
)

// userForm keeps e-mail addresses, telephone numbers with a plus, names in
// Chinese and line breaks out of the database and the log.
var userForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// withdrawal is a valid request.
type withdrawal struct {
	user           string
	amount         int64         // in fen
	person         id2meta.Param // normalized
	idempotencyKey string        // or empty
}

// readWithdrawal reads a request. Its errors are refusals.
func readWithdrawal(w http.ResponseWriter, r *http.Request) (withdrawal, error) {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return withdrawal{}, refusal{status: http.StatusUnsupportedMediaType, Code: "content_type_is_not_json"}
	}
	var body struct {
		user, name, idNumber string
		amount               int64
	}
	err = decodeObject(http.MaxBytesReader(w, r.Body, maxBody), map[string]any{
		"user": &body.user, "amount": &body.amount, "name": &body.name, "id_number": &body.idNumber,
	})
	if err != nil {
		return withdrawal{}, err
	}
	if !userForm.MatchString(body.user) {
		return withdrawal{}, badField("user", "it must be 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	if body.amount < 1 || body.amount > maxAmount {
		return withdrawal{}, badField("amount", "it must be a whole number of fen from 1 to 5000000")
	}
	person, err := id2meta.Param{UserName: body.name, IdentifyNum: body.idNumber}.Normalize()
	if err != nil { // the log is to say who tries so many
		return withdrawal{user: body.user}, err
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) > 1 || len(keys) == 1 && keys[0] == "" {
		return withdrawal{}, badField("Idempotency-Key", "it must be given once and not be empty, or not at all")
	}
	return withdrawal{body.user, body.amount, person, strings.Join(keys, "")}, nil
}

// decodeObject decodes one JSON object. It is stricter than encoding/json alone,
// because two readers of one payment must not read different things: a name
// counts only as it is spelled, only if it is known, and only once.
func decodeObject(body io.Reader, fields map[string]any) error {
	d := json.NewDecoder(body)
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return badJSON(err)
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return badJSON(err)
		}
		name, _ := token.(string) // before a colon the decoder takes nothing else
		target, ok := fields[name]
		if !ok {
			return refusal{status: http.StatusBadRequest, Code: "unknown_or_repeated_field"}
		}
		delete(fields, name)
		err = d.Decode(target)
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return badField(name, "it has the wrong JSON type")
		} else if err != nil {
			return badJSON(err)
		}
	}
	if _, err := d.Token(); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return badJSON(err)
	}
	return nil
}

// badJSON does not repeat the decoder's error, which quotes what it has read.
func badJSON(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refusal{status: http.StatusRequestEntityTooLarge, Code: "body_too_large"}
	}
	return refusal{status: http.StatusBadRequest, Code: "invalid_json"}
}

func badField(field, reason string) error {
	return refusal{status: http.StatusBadRequest, Code: "invalid_field", Field: field, Reason: reason}
}
