package id2meta

import (
	"bytes"
	"encoding/json"
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
	fields, ok := decodeObject(body)
	if !ok {
		return answer{}
	}
	var a answer
	ok = decodeText(fields["Code"], &a.Code) &&
		decodeText(fields["Message"], &a.Message) &&
		decodeText(fields["RequestId"], &a.RequestId) &&
		decodeText(fields["Recommend"], &a.recommend) &&
		a.decodeResultObject(fields["ResultObject"])
	if !ok {
		return answer{}
	}
	return a
}

// decodeResultObject decodes the verdict. A value that is no object holds no verdict, but
// the Code still says what went wrong.
func (a *answer) decodeResultObject(value json.RawMessage) bool {
	if !bytes.HasPrefix(value, []byte("{")) {
		return true
	}
	fields, ok := decodeObject(value)
	a.ResultObject = new(cloudauth.Id2MetaVerifyResponseBodyResultObject)
	return ok && decodeText(fields["BizCode"], &a.ResultObject.BizCode)
}

// decodeObject returns the fields of an object. It returns false if text is not one object,
// or if two fields have the same name.
func decodeObject(text []byte) (map[string]json.RawMessage, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if _, twice := fields[name]; err != nil || !ok || twice {
			return nil, false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, false
		}
		fields[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	_, err := d.Token()
	return fields, err == io.EOF
}

// decodeText decodes a string or a number into *text. A missing value and null leave *text
// nil.
func decodeText(value json.RawMessage, text **string) bool {
	if len(value) == 0 {
		return true
	}
	switch value[0] {
	case '"', 'n':
		return json.Unmarshal(value, text) == nil
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		number := string(value)
		*text = &number
		return true
	}
	return false
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
