package id2meta

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecodeAnswerReadsEveryField(t *testing.T) {
	a, err := decodeAnswer([]byte(`{"RequestId":"R","Message":"M","Code":"Throttling","Recommend":"https://…","HostId":"H"}`))
	require.NoError(t, err)
	assert.Equal(t, "R", *a.RequestId)
	assert.Equal(t, "M", *a.Message)
	assert.Equal(t, "Throttling", *a.Code)
	assert.Equal(t, "https://…", *a.recommend)
	assert.Nil(t, a.ResultObject)
	_, ok := a.verdict()
	assert.False(t, ok)
}

// The error does not repeat the body, which may hold personal data.
func TestDecodeAnswerReturnsNothingBesideItsError(t *testing.T) {
	for _, body := range []string{`{"Code":"200","ResultObject":{"BizCode":"1"}}x`, `{"Code":"200","ResultObject":{"BizCode":"1"},"Message":[]}`, ""} {
		a, err := decodeAnswer([]byte(body))
		assert.Equal(t, errNotAnAnswer, err)
		assert.Equal(t, answer{}, a)
	}
}

// FuzzDecodeAnswer compares decodeAnswer with json.Unmarshal. If decodeAnswer finds a
// verdict, json.Unmarshal must find the same verdict.
func FuzzDecodeAnswer(f *testing.F) {
	for _, body := range []string{
		`{"RequestId":"8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260","Message":"success","Code":"200","ResultObject":{"BizCode":"1"}}`,
		`{"Code":200,"ResultObject":{"BizCode":2}}`,
		`{"Code":"411","Message":"","Recommend":"https://"}`,
		`{"Code":200.0,"ResultObject":{"BizCode":1e0}}`,
		`{"Code":"200","Code":"200","ResultObject":{"BizCode":"1"}}`,
		`{"\u0043ode":"200","ResultObject":{"BizCode":"\u0031"}}`,
		`{"Code":"200","ResultObject":null}`,
		`{"Code":"200","ResultObject":{"BizCode":"0"}}`,
		`{"Code":"200","ResultObject":{"BizCode":"1 "}}`,
		`null`, `[]`, `{}`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := verdictOf(body)
		if !ok {
			if got != "" {
				t.Fatalf("%q beside false", got)
			}
			return
		}
		if got != BizCodeMatch && got != BizCodeMismatch && got != BizCodeNoRecord {
			t.Fatalf("%q is no verdict", got)
		}
		if !utf8.Valid(body) {
			t.Fatal("a verdict of what is not UTF-8")
		}
		outer := decodeMap(t, body)
		requireText(t, outer["Code"], "200")
		inner := decodeMap(t, outer["ResultObject"])
		requireText(t, inner["BizCode"], string(got))
		if n := countFields(t, body); n != len(outer) {
			t.Fatalf("%d fields with %d names", n, len(outer))
		}
		if n := countFields(t, outer["ResultObject"]); n != len(inner) {
			t.Fatalf("%d fields with %d names in ResultObject", n, len(inner))
		}

		// A verdict with an addition is not a verdict.
		for _, odd := range [][]byte{
			append(bytes.Clone(body), 'x'),
			append(bytes.Clone(body), body...),
			append([]byte("\ufeff"), body...),
			append([]byte(`{"Code":"200",`), bytes.TrimLeft(body, " \t\r\n")[1:]...),
		} {
			if _, ok := verdictOf(odd); ok {
				t.Fatalf("a verdict of %q", odd)
			}
		}
	})
}

func verdictOf(body []byte) (BizCode, bool) {
	a, err := decodeAnswer(body)
	if err != nil {
		return "", false
	}
	return a.verdict()
}

func decodeMap(t *testing.T, body []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("a verdict of what is no object: %v", err)
	}
	return m
}

// requireText requires want as a string or as a number. 200.0 is not 200.
func requireText(t *testing.T, value json.RawMessage, want string) {
	var s string
	if string(value) != want && (json.Unmarshal(value, &s) != nil || s != want) {
		t.Fatalf("%s is not %s", value, want)
	}
}

// countFields counts the fields of an object. It counts two fields of the same name twice.
func countFields(t *testing.T, body []byte) int {
	d := json.NewDecoder(bytes.NewReader(body))
	d.Token()
	n := 0
	for ; d.More(); n++ {
		d.Token()
		if err := d.Decode(new(json.RawMessage)); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func TestBizCodeInWords(t *testing.T) {
	for _, test := range []struct {
		code    BizCode
		words   string
		chinese string
		match   bool
	}{
		{BizCodeMatch, "match", "一致", true},
		{BizCodeMismatch, "mismatch", "不一致", false},
		{BizCodeNoRecord, "no record", "查无记录", false},
		{"", "unknown", "未知", false},
		{"0", "unknown", "未知", false},
		{"4", "unknown", "未知", false},
		{"match", "unknown", "未知", false},
		{"１", "unknown", "未知", false},
	} {
		t.Run(fmt.Sprintf("%q is %s", string(test.code), test.words), func(t *testing.T) {
			assert.Equal(t, test.words, test.code.String())
			assert.Equal(t, test.words, fmt.Sprint(test.code))
			assert.Equal(t, test.chinese, test.code.Chinese())
			assert.Equal(t, test.match, Result{BizCode: test.code}.Match())
		})
	}
}

func TestTheVerdictsAreTheVendorsNumbers(t *testing.T) {
	assert.Equal(t, []BizCode{"1", "2", "3"}, []BizCode{BizCodeMatch, BizCodeMismatch, BizCodeNoRecord})
}

func TestTheZeroResultDoesNotMatch(t *testing.T) {
	assert.False(t, Result{}.Match())
	assert.False(t, Result{RequestID: "8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260"}.Match())
}
