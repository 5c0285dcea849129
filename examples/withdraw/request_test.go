package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodBody = `{"user":"alice","amount":10000,"name":"张三","id_number":"11010519491231002X"}`

func TestReadWithdrawal(t *testing.T) {
	replace := func(old, new string) string { return strings.Replace(goodBody, old, new, 1) }
	t.Run("a good one is read, with the largest amount", func(t *testing.T) {
		r := httptest.NewRequest("POST", "/withdrawals", strings.NewReader(replace("10000", "5000000")))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.Header.Set("Idempotency-Key", "k1")
		got, err := readWithdrawal(httptest.NewRecorder(), r)
		require.NoError(t, err)
		require.Equal(t, "alice", got.user)
		require.EqualValues(t, 5000000, got.amount)
		require.Equal(t, "张三", got.person.UserName)
		require.Equal(t, "11010519491231002X", got.person.IdentifyNum)
		require.Equal(t, "k1", got.idempotencyKey)
	})

	for _, c := range []struct {
		sentence, body string
		status         int
		code, field    string
		header         http.Header // beside a Content-Type of JSON
	}{
		{"no body is not JSON", "", 400, "invalid_json", "", nil},
		{"null is no withdrawal", "null", 400, "invalid_field", "user", nil},
		{"a list is no withdrawal", "[" + goodBody + "]", 400, "invalid_json", "", nil},
		{"an unfinished object is refused", goodBody[:len(goodBody)-1], 400, "invalid_json", "", nil},
		{"two objects are refused", goodBody + goodBody, 400, "invalid_json", "", nil},
		{"more than 4 KiB is refused", replace("alice", strings.Repeat("a", maxBody)), 413, "body_too_large", "", nil},
		{"more than 4 KiB behind it is refused", goodBody + strings.Repeat(" ", maxBody), 413, "body_too_large", "", nil},

		{"no user is refused", replace(`"user":"alice",`, ""), 400, "invalid_field", "user", nil},
		{"a user in Chinese is refused", replace("alice", "张三"), 400, "invalid_field", "user", nil},
		{"a line break in the user is refused", replace("alice", `alice\n`), 400, "invalid_field", "user", nil},
		{"a number as user is refused", replace(`"alice"`, "1"), 400, "invalid_field", "user", nil},

		{"no amount is refused", replace(`"amount":10000,`, ""), 400, "invalid_field", "amount", nil},
		{"0 is refused", replace("10000", "0"), 400, "invalid_field", "amount", nil},
		{"a negative amount is refused", replace("10000", "-1"), 400, "invalid_field", "amount", nil},
		{"a fraction is refused", replace("10000", "100.00"), 400, "invalid_field", "amount", nil},
		{"a string as amount is refused", replace("10000", `"10000"`), 400, "invalid_field", "amount", nil},
		{"one more than the largest amount is refused", replace("10000", "5000001"), 400, "invalid_field", "amount", nil},
		{"an amount beyond 64 bits is refused", replace("10000", "18446744073709561616"), 400, "invalid_field", "amount", nil},

		{"a form is refused", goodBody, 415, "content_type_is_not_json", "", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		{"no content type is refused", goodBody, 415, "content_type_is_not_json", "", http.Header{"Content-Type": nil}},
		{"an empty Idempotency-Key is refused", goodBody, 400, "invalid_field", "Idempotency-Key", http.Header{"Idempotency-Key": {""}}},
		{"two Idempotency-Keys are refused", goodBody, 400, "invalid_field", "Idempotency-Key", http.Header{"Idempotency-Key": {"a", "b"}}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/withdrawals", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			maps.Copy(r.Header, c.header)
			_, err := readWithdrawal(httptest.NewRecorder(), r)
			got := refusalOf(err)
			require.Equal(t, c.status, got.status)
			require.Equal(t, c.code, got.Code)
			require.Equal(t, c.field, got.Field)
			if c.code == "invalid_json" {
				require.Empty(t, got.Reason, "the decoder's words quote what it has read")
			}
		})
	}
}
