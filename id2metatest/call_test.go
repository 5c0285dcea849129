package id2metatest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/id2metatest"
)

func TestCall(t *testing.T) {
	s := newServer(t)
	before := time.Now()
	ans := ask{tamper: func(r *http.Request) { r.Header.Set("User-Agent", "some client") }}.mustSend(t, s)
	call := lastCall(t, s)

	assert.Equal(t, id2metatest.Call{
		Time:        call.Time,
		Method:      "POST",
		Action:      "Id2MetaVerify",
		Version:     "2019-03-07",
		UserAgent:   "some client",
		ParamType:   "normal",
		Params:      "body",
		Signature:   "ACS3-HMAC-SHA256",
		AccessKeyID: "id2metatest-access-key-id",
		RequestID:   ans.RequestId,
		HTTPStatus:  200,
		Outcome:     "match",
		BizCode:     "1",
		Billed:      true,
		Person:      call.Person,
	}, call)
	assert.WithinRange(t, call.Time, before, time.Now())
}

func TestCallTellsWhereTheParametersStood(t *testing.T) {
	s := newServer(t)
	for _, test := range []struct {
		ask  ask
		want string
	}{
		{ask{query: true}, "query"},
		{ask{}, "body"},
		{ask{params: map[string]string{"Other": "1"}}, "none"},
		{ask{contentType: "application/json"}, "none"}, // the body is no form
		{ask{tamper: func(r *http.Request) { r.URL.RawQuery = "UserName=a" }}, "query"},
	} {
		test.ask.send(t, s)
		assert.Equal(t, test.want, lastCall(t, s).Params)
	}
}

func TestCallsAreACopy(t *testing.T) {
	s := newServer(t)
	ask{}.mustSend(t, s)
	s.Calls()[0].Outcome = "changed"
	assert.Equal(t, "match", s.Calls()[0].Outcome)
}

func TestCallsHoldNothingOfThePerson(t *testing.T) {
	s := newServer(t)
	for _, params := range []map[string]string{
		normal(name, number),
		masked(maskedName, maskedNumber),
		{"ParamType": number, "UserName": "normal", "IdentifyNum": name}, // arguments in the wrong order
	} {
		for _, a := range []ask{{params: params}, {params: params, query: true}, {params: params, rpc: true}} {
			a.mustSend(t, s)
		}
	}
	record := fmt.Sprintf("%+v %#v", s.Calls(), s.Calls())
	for _, secret := range []string{name, number, number[6:14], maskedName[:32], maskedNumber[6:38], "id2metatest-access-key-secret"} {
		assert.NotContains(t, record, secret)
	}
}

func TestCallPerson(t *testing.T) {
	s := newServer(t)
	person := func(params map[string]string) string {
		ask{params: params}.mustSend(t, s)
		return lastCall(t, s).Person
	}
	plain := person(normal(name, number))
	require.NotEmpty(t, plain)
	assert.Equal(t, plain, person(normal(name, number)), "the same person")
	assert.Equal(t, plain, person(masked(maskedName, maskedNumber)), "the same person in md5")
	assert.NotEqual(t, plain, person(normal("李四", number)), "another name")
	assert.NotEqual(t, plain, person(normal(name, otherNumber)), "another number")

	s = newServer(t)
	assert.NotEqual(t, plain, person(normal(name, number)), "another Server, or it can be guessed")
}

func TestBilled(t *testing.T) {
	s := newServer(t)
	for _, params := range []map[string]string{
		normal(name, number), masked(maskedName, maskedNumber), // two for one person
		normal("李四", number),      // a mismatch
		normal(name, otherNumber), // no record
		normal("张3", number),      // refused
	} {
		ask{params: params}.mustSend(t, s)
	}
	for _, test := range []struct {
		userName, identifyNum string
		want                  int
	}{
		{name, number, 2}, {"李四", number, 1}, {name, otherNumber, 1}, {"王五", number, 0},
	} {
		assert.Equal(t, test.want, s.Billed(test.userName, test.identifyNum))
	}
	assert.Contains(t, panicMessage(func() { s.Billed("张3", number) }), "Billed")
}
