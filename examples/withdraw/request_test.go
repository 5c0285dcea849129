package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestsThatAreRefused(t *testing.T) {
	const good = `{"user":"alice","amount":10000,"name":"张三","id_number":"11010519491231002X"}`
	for sentence, c := range map[string]struct {
		old, new string // in the good request
		keys     []string
		field    string // in the answer; "": the body is no such JSON
	}{
		"a form is no JSON":                       {good, "user=alice&name=张三", nil, ""},
		"an unfinished object is no JSON":         {"}", "", nil, ""},
		"two objects are no JSON":                 {good, good + good, nil, ""},
		"more than 4 KiB are not read":            {"alice", strings.Repeat("a", maxBody), nil, ""},
		"a fraction of a fen is no amount":        {"10000", "100.50", nil, ""},
		"an amount beyond 64 bits is none":        {"10000", "18446744073709561616", nil, ""},
		"null is no withdrawal":                   {good, "null", nil, "user"},
		"a user in Chinese is refused":            {"alice", "张三", nil, "user"},
		"a line break in the user is refused":     {"alice", `alice\n`, nil, "user"},
		"no amount is refused":                    {`"amount":10000,`, "", nil, "amount"},
		"a negative amount is refused":            {"10000", "-1", nil, "amount"},
		"more than the largest amount is refused": {"10000", "5000001", nil, "amount"},
		"an empty Idempotency-Key is refused":     {"", "", []string{""}, "Idempotency-Key"},
		"two Idempotency-Keys are refused":        {"", "", []string{"a", "b"}, "Idempotency-Key"},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := newService(t, new(verifier))
			r := httptest.NewRequest("POST", "/withdrawals", strings.NewReader(strings.Replace(good, c.old, c.new, 1)))
			r.Header["Idempotency-Key"] = c.keys
			got := s.do(r)
			require.Equal(t, 400, got.Code)
			code := "invalid_field"
			if c.field == "" {
				code = "invalid_json"
			}
			require.Equal(t, code, errorOf(t, got.Body.String()))
			require.Contains(t, got.Body.String(), c.field)
			requireNothingPersonal(t, "the answer", got.Body.String())
			requireNothingPersonal(t, "the log", s.log.String())
			require.Zero(t, s.payments(t))
		})
	}
}
