package id2meta

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	"github.com/alibabacloud-go/tea/dara"
)

// BizCode is the verdict of the service on one person: the field
// ResultObject.BizCode of its answer.
type BizCode string

// The verdicts. The vendor's API page for Id2MetaVerify
// ("身份二要素核验 · 纯服务端(API)接入") lists exactly these three; anything
// else that arrives is an [ErrUnexpectedResponse], never a verdict.
const (
	BizCodeMatch    BizCode = "1" // the name and the number belong to the same person
	BizCodeMismatch BizCode = "2" // the number exists, the name is not its holder's
	BizCodeNoRecord BizCode = "3" // the authoritative source has no such number
)

// String returns the verdict in words: "match", "mismatch" or "no record".
// A value that is none of the three is "unknown".
func (b BizCode) String() string {
	switch b {
	case BizCodeMatch:
		return "match"
	case BizCodeMismatch:
		return "mismatch"
	case BizCodeNoRecord:
		return "no record"
	}
	return "unknown"
}

// Valid reports whether b is one of the three verdicts.
func (b BizCode) Valid() bool {
	return b == BizCodeMatch || b == BizCodeMismatch || b == BizCodeNoRecord
}

// Result is an understood answer of the service. It holds nothing of the
// person, so it may be logged and stored.
type Result struct {
	BizCode   BizCode
	RequestID string // the vendor's name for this call, for its support and its bill
}

// Match reports whether the name and the number belong to the same person. It
// is the only question most callers have. The zero Result, which accompanies
// every error, does not match.
func (r Result) Match() bool { return r.BizCode == BizCodeMatch }

// answer is the body of an answer: the SDK's model, and the field Recommend
// that only the gateway's failures have.
type answer struct {
	cloudauth.Id2MetaVerifyResponseBody
	recommend *string
}

// errNotAnAnswer stands for every body that is not one JSON object of the
// documented shape. It says nothing more, for the body may hold anything.
var errNotAnAnswer = errors.New("not an answer of the service")

// decodeAnswer reads body strictly, since a verdict must not hang on how a
// lenient decoder repairs an odd answer: body is one JSON object and nothing
// else, in UTF-8; a field counts only under its exact name, only once, and only
// as a JSON string or, as some endpoints send the codes, a JSON number. Fields
// of other names are passed over.
func decodeAnswer(body []byte) (answer, error) {
	if !utf8.Valid(body) { // package json would put U+FFFD there
		return answer{}, errNotAnAnswer
	}
	var a answer
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	err := decodeObject(d, func(name string) error {
		switch name {
		case "Code":
			return decodeText(d, &a.Code)
		case "Message":
			return decodeText(d, &a.Message)
		case "RequestId":
			return decodeText(d, &a.RequestId)
		case "Recommend":
			return decodeText(d, &a.recommend)
		case "ResultObject":
			return a.decodeResultObject(d)
		}
		return skipValue(d)
	})
	if err != nil {
		return answer{}, errNotAnAnswer
	}
	if _, err := d.Token(); err != io.EOF {
		return answer{}, errNotAnAnswer
	}
	return a, nil
}

func (a *answer) decodeResultObject(d *json.Decoder) error {
	var object cloudauth.Id2MetaVerifyResponseBodyResultObject
	a.ResultObject = &object
	return decodeObject(d, func(name string) error {
		if name == "BizCode" {
			return decodeText(d, &object.BizCode)
		}
		return skipValue(d)
	})
}

// decodeObject calls field with the name of each field of the next value, for
// it to decode what stands behind the name. A null is an object without fields.
func decodeObject(d *json.Decoder, field func(name string) error) error {
	switch token, err := d.Token(); {
	case err != nil:
		return err
	case token == nil:
		return nil
	case token != json.Delim('{'):
		return errNotAnAnswer
	}
	seen := map[string]bool{} // a slice would take minutes for 1 MiB of names
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok || seen[name] {
			return errNotAnAnswer
		}
		seen[name] = true
		if err := field(name); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// decodeText leaves *text alone if the next value is null.
func decodeText(d *json.Decoder, text **string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case nil:
		return nil
	case string:
		*text = &token
		return nil
	case json.Number:
		number := token.String()
		*text = &number
		return nil
	}
	return errNotAnAnswer
}

func skipValue(d *json.Decoder) error {
	var value json.RawMessage
	return d.Decode(&value)
}

// verdict returns the answer's verdict, and false if it holds none that is
// documented.
func (a answer) verdict() (BizCode, bool) {
	if dara.StringValue(a.Code) != "200" || a.ResultObject == nil {
		return "", false
	}
	biz := BizCode(dara.StringValue(a.ResultObject.BizCode))
	return biz, biz.Valid()
}
