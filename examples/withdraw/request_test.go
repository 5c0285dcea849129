package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodBody = `{"user":"alice","amount":10000,"name":"张三","id_number":"11010519491231002X"}`

func TestReadWithdrawal(t *testing.T) {
	t.Run("a good one is read", func(t *testing.T) {
		r := httptest.NewRequest("POST", "/withdrawals", strings.NewReader(goodBody))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.Header.Set("Idempotency-Key", "k1")
		got, err := readWithdrawal(httptest.NewRecorder(), r)
		require.NoError(t, err)
		require.Equal(t, "alice", got.user)
		require.EqualValues(t, 10000, got.amount)
		require.Equal(t, "张三", got.person.UserName)
		require.Equal(t, "11010519491231002X", got.person.IdentifyNum)
		require.Equal(t, "k1", got.idempotencyKey)
	})

	replace := func(old, new string) string { return strings.Replace(goodBody, old, new, 1) }
	for _, c := range []struct {
		sentence, body string
		status         int
		code, field    string
	}{
		{"no body is not JSON", "", 400, "invalid_json", ""},
		{"null is no withdrawal", "null", 400, "invalid_field", "user"},
		{"a list is no withdrawal", "[" + goodBody + "]", 400, "invalid_json", ""},
		{"an unfinished object is refused", goodBody[:len(goodBody)-1], 400, "invalid_json", ""},
		{"two objects are refused", goodBody + goodBody, 400, "invalid_json", ""},
		{"a trailing word is refused", goodBody + " x", 400, "invalid_json", ""},
		{"more than 4 KiB is refused", replace("alice", strings.Repeat("a", maxBody)), 413, "body_too_large", ""},
		{"more than 4 KiB behind it is refused", goodBody + strings.Repeat(" ", maxBody), 413, "body_too_large", ""},

		{"no user is refused", replace(`"user":"alice",`, ""), 400, "invalid_field", "user"},
		{"a user in Chinese is refused", replace("alice", "张三"), 400, "invalid_field", "user"},
		{"a line break in the user is refused", replace("alice", `alice\n`), 400, "invalid_field", "user"},
		{"a number as user is refused", replace(`"alice"`, "1"), 400, "invalid_field", "user"},

		{"no amount is refused", replace(`"amount":10000,`, ""), 400, "invalid_field", "amount"},
		{"null as amount is refused", replace("10000", "null"), 400, "invalid_field", "amount"},
		{"0 is refused", replace("10000", "0"), 400, "invalid_field", "amount"},
		{"a negative amount is refused", replace("10000", "-1"), 400, "invalid_field", "amount"},
		{"a fraction is refused", replace("10000", "100.00"), 400, "invalid_field", "amount"},
		{"an exponent is refused", replace("10000", "1e4"), 400, "invalid_field", "amount"},
		{"a string as amount is refused", replace("10000", `"10000"`), 400, "invalid_field", "amount"},
		{"one more than the largest amount is refused", replace("10000", "5000001"), 400, "invalid_field", "amount"},
		{"an amount beyond 64 bits is refused", replace("10000", "18446744073709561616"), 400, "invalid_field", "amount"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/withdrawals", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			_, err := readWithdrawal(httptest.NewRecorder(), r)
			got := refusalOf(err)
			require.Equal(t, c.status, got.status)
			require.Equal(t, c.code, got.Code)
			require.Equal(t, c.field, got.Field)
		})
	}

	for _, c := range []struct {
		sentence, key string
		values        []string
		status        int
	}{
		{"a form is refused", "Content-Type", []string{"application/x-www-form-urlencoded"}, 415},
		{"no content type is refused", "Content-Type", nil, 415},
		{"an empty Idempotency-Key is refused", "Idempotency-Key", []string{""}, 400},
		{"two Idempotency-Keys are refused", "Idempotency-Key", []string{"a", "b"}, 400},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/withdrawals", strings.NewReader(goodBody))
			r.Header = http.Header{"Content-Type": {"application/json"}}
			r.Header[c.key] = c.values
			_, err := readWithdrawal(httptest.NewRecorder(), r)
			require.Equal(t, c.status, refusalOf(err).status)
		})
	}
}
