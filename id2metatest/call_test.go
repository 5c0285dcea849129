package id2metatest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCall(t *testing.T) {
	s := newServer(t)
	before := time.Now()
	ans := ask{tamper: func(r *http.Request) { r.Header.Set("User-Agent", "some client") }}.mustSend(t, s)
	call := lastCall(t, s)

	for field, pair := range map[string][2]any{
		"Method":      {call.Method, "POST"},
		"Action":      {call.Action, "Id2MetaVerify"},
		"Version":     {call.Version, "2019-03-07"},
		"UserAgent":   {call.UserAgent, "some client"},
		"ParamType":   {call.ParamType, "normal"},
		"Params":      {call.Params, "body"},
		"Signature":   {call.Signature, "ACS3-HMAC-SHA256"},
		"AccessKeyID": {call.AccessKeyID, "id2metatest-access-key-id"},
		"STS":         {call.STS, false},
		"RequestID":   {call.RequestID, ans.RequestId},
		"Fault":       {call.Fault, ""},
		"HTTPStatus":  {call.HTTPStatus, 200},
		"Outcome":     {call.Outcome, "match"},
		"BizCode":     {fmt.Sprint(call.BizCode), "match"},
		"Billed":      {call.Billed, true},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, want %v", field, pair[0], pair[1])
		}
	}
	if call.Time.Before(before) || call.Time.After(time.Now()) {
		t.Errorf("Time is %v", call.Time)
	}
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
		{ask{tamper: func(r *http.Request) { r.URL.RawQuery = "UserName=a" }}, "query"},
	} {
		test.ask.send(t, s)
		if got := lastCall(t, s).Params; got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestCallsAreACopy(t *testing.T) {
	s := newServer(t)
	ask{}.mustSend(t, s)
	s.Calls()[0].Outcome = "changed"
	if got := s.Calls()[0].Outcome; got != "match" {
		t.Errorf("the record was changed from outside to %s", got)
	}
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
		if strings.Contains(record, secret) {
			t.Errorf("the record holds %s", secret)
		}
	}
}

func TestCallPerson(t *testing.T) {
	s := newServer(t)
	person := func(params map[string]string) string {
		ask{params: params}.mustSend(t, s)
		return lastCall(t, s).Person
	}
	plain := person(normal(name, number))
	if plain == "" {
		t.Fatal("it is empty")
	}
	if got := person(normal(name, number)); got != plain {
		t.Error("it is another for the same person")
	}
	if got := person(masked(maskedName, maskedNumber)); got != plain {
		t.Error("it is another for the same person in md5")
	}
	if got := person(normal("李四", number)); got == plain {
		t.Error("it is the same for another name")
	}
	if got := person(normal(name, otherNumber)); got == plain {
		t.Error("it is the same for another number")
	}

	s = newServer(t)
	if got := person(normal(name, number)); got == plain {
		t.Error("it is the same on another Server, so it can be guessed")
	}
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
		if got := s.Billed(test.userName, test.identifyNum); got != test.want {
			t.Errorf("got %d, want %d", got, test.want)
		}
	}
	if message := panicMessage(func() { s.Billed("张3", number) }); !strings.Contains(message, "Billed") {
		t.Errorf("no panic, or an unclear one: %q", message)
	}
}
