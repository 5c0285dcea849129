package id2meta

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"unicode/utf8"

	cloudauth "github.com/alibabacloud-go/cloudauth-20190307/v3/client"
	"github.com/alibabacloud-go/tea/dara"
)

// answer is the body of an answer: the SDK's model, and the field Recommend, which
// only failures of the gateway have.
type answer struct {
	cloudauth.Id2MetaVerifyResponseBody
	recommend *string
}

var (
	errNotAnAnswer = errors.New("not an answer of the service")
	errNotAnObject = errors.New("not an object") // the value was read whole
)

// decodeAnswer decodes body strictly, because a verdict must not depend on how a
// lenient decoder repairs an odd answer:
//
//   - The body must be one JSON object in UTF-8, and nothing else.
//   - A field counts only under its exact name. No name may occur twice.
//   - A value must be a JSON string, or a JSON number, because some endpoints send the
//     codes as numbers.
//
// For any other body, decodeAnswer returns the zero answer, which holds no verdict. It
// ignores unknown fields. From Go 1.27 on, encoding/json/v2 can replace most of this
// code: by default it refuses duplicate names and invalid UTF-8.
func decodeAnswer(body []byte) answer {
	if !utf8.Valid(body) { // package json would replace invalid bytes by U+FFFD
		return answer{}
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
	if _, end := d.Token(); err != nil || end != io.EOF {
		return answer{}
	}
	return a
}

func (a *answer) decodeResultObject(d *json.Decoder) error {
	var object cloudauth.Id2MetaVerifyResponseBodyResultObject
	a.ResultObject = &object
	err := decodeObject(d, func(name string) error {
		if name == "BizCode" {
			return decodeText(d, &object.BizCode)
		}
		return skipValue(d)
	})
	if err == errNotAnObject {
		a.ResultObject = nil // no verdict, but the Code still says what went wrong
		return nil
	}
	return err
}

// decodeObject decodes the next value, an object. It calls field with the name of each
// field, and field decodes the value. A null counts as an object without fields.
func decodeObject(d *json.Decoder, field func(name string) error) error {
	switch token, err := d.Token(); {
	case err != nil:
		return err
	case token == nil:
		return nil
	case token == json.Delim('['):
		for d.More() {
			if err := skipValue(d); err != nil {
				return err
			}
		}
		if _, err := d.Token(); err != nil {
			return err
		}
		return errNotAnObject
	case token != json.Delim('{'):
		return errNotAnObject
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

// decodeText decodes a string or a number into *text. If the next value is null,
// decodeText does not change *text.
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

// mentionsVerdict reports whether an answer that is no verdict, or cannot be read, has a
// BizCode all the same. Then the source may have answered.
func (a answer) mentionsVerdict(body []byte) bool {
	return a.ResultObject != nil && a.ResultObject.BizCode != nil || anyBizCode.Match(body)
}

// anyBizCode matches a BizCode with a value, in whatever form and place.
var anyBizCode = regexp.MustCompile(`(?i)bizcode[^0-9a-z]{1,8}[0-9]`)

// verdict returns the verdict of the answer, or false if the answer holds no
// documented verdict.
func (a answer) verdict() (BizCode, bool) {
	if dara.StringValue(a.Code) != "200" || a.ResultObject == nil {
		return "", false
	}
	biz := BizCode(dara.StringValue(a.ResultObject.BizCode))
	if !biz.Valid() {
		return "", false
	}
	return biz, true
}
