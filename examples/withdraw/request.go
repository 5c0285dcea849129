package main

import (
	"encoding/json"
	"io"
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
	var body struct {
		User     string `json:"user"`
		Amount   int64  `json:"amount"`
		Name     string `json:"name"`
		IDNumber string `json:"id_number"`
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || json.Unmarshal(raw, &body) != nil { // the error quotes what was read
		return withdrawal{}, refusal{status: http.StatusBadRequest, Code: "invalid_json"}
	}
	if !userForm.MatchString(body.User) {
		return withdrawal{}, badField("user", "it must be 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	if body.Amount < 1 || body.Amount > maxAmount {
		return withdrawal{}, badField("amount", "it must be a whole number of fen from 1 to 5000000")
	}
	person, err := id2meta.Param{UserName: body.Name, IdentifyNum: body.IDNumber}.Normalize()
	if err != nil { // the log is to say who tries so many
		return withdrawal{user: body.User}, err
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) > 1 || len(keys) == 1 && keys[0] == "" {
		return withdrawal{}, badField("Idempotency-Key", "it must be given once and not be empty, or not at all")
	}
	return withdrawal{body.User, body.Amount, person, strings.Join(keys, "")}, nil
}

func badField(field, reason string) error {
	return refusal{status: http.StatusBadRequest, Code: "invalid_field", Field: field, Reason: reason}
}
