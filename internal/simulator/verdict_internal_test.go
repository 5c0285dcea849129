package simulator

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSubjectOfAnEncryptedPerson(t *testing.T) {
	const name, number = "张三", "11010519491231002X"
	decrypt := func(param string) (string, bool) { return strings.CutPrefix(param, "encrypted ") }
	plain, _ := plainPerson(name, number)
	for _, test := range []struct {
		name, userName, identifyNum string
		decrypt                     func(string) (string, bool)
		illegal                     string
	}{
		{"an encrypted person is the person", "encrypted " + name, "encrypted " + number, decrypt, ""},
		{"a plain name is illegal", name, "encrypted " + number, decrypt, "UserName"},
		{"a plain number is illegal", "encrypted " + name, number, decrypt, "IdentifyNum"},
		{"an encrypted name that is none is illegal", "encrypted 1", "encrypted " + number, decrypt, "UserName"},
		{"an encrypted number that is none is illegal", "encrypted " + name, "encrypted 1", decrypt, "IdentifyNum"},
		{"without a decrypter the ParamType is illegal", "encrypted " + name, "encrypted " + number, nil, "ParamType"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := request{form: url.Values{"ParamType": {"sm2"}, "UserName": {test.userName}, "IdentifyNum": {test.identifyNum}}}
			subject, illegal := r.subject(test.decrypt)
			assert.Equal(t, test.illegal, illegal)
			if illegal == "" {
				assert.Equal(t, plain, subject)
			}
		})
	}
}

func TestMatchAllIsForValidPersons(t *testing.T) {
	s := New(Config{MatchAll: true})
	for number, want := range map[string]string{"11010519491231002X": "200", "110105194912310020": "401"} {
		r := request{Request: httptest.NewRequest("POST", "/", nil),
			form: url.Values{"ParamType": {"normal"}, "UserName": {"张三"}, "IdentifyNum": {number}}}
		subject, illegal := r.subject(nil)
		assert.Equal(t, want, s.answer(r, subject, illegal, "").code)
	}
}
