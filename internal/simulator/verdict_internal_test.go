package simulator

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMatchAllIsForValidPersons(t *testing.T) {
	s := New(Config{MatchAll: true})
	for number, want := range map[string]string{"11010519491231002X": "200", "110105194912310020": "401"} {
		r := request{Request: httptest.NewRequest("POST", "/", nil),
			form: url.Values{"ParamType": {"normal"}, "UserName": {"张三"}, "IdentifyNum": {number}}}
		subject, illegal := r.subject(nil)
		assert.Equal(t, want, s.answer(r, subject, illegal, "").code)
	}
}
