package id2meta

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

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
