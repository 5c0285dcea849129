package id2metatest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/id2meta/id2meta/id2metatest"
)

// withDecrypter takes "encrypted 张三" for the encrypted form of 张三.
var withDecrypter = id2metatest.WithSM2Decrypter(func(param string) (string, bool) {
	return strings.CutPrefix(param, "encrypted ")
})

func encrypted(userName, identifyNum string) map[string]string {
	return map[string]string{"ParamType": "sm2", "UserName": userName, "IdentifyNum": identifyNum}
}

func TestWithoutDecrypterSM2IsAnIllegalParamType(t *testing.T) {
	ans := ask{params: encrypted(name, number)}.mustSend(t, newServer(t))
	assert.Equal(t, "参数非法(paramType)", ans.Message)
}

func TestVerdict(t *testing.T) {
	s := newServer(t, withDecrypter)
	s.AddPerson("欧阳娜娜", "110105194912310038")
	s.AddPerson("𠮷野", "110105194912310046")
	s.AddPerson("吉", otherNumber)

	for _, test := range []struct {
		name    string
		params  map[string]string
		bizCode string
	}{
		{"a name and its number match", normal(name, number), "1"},
		{"another name does not match", normal("李四", number), "2"},
		{"a longer name does not match", normal("张三丰", number), "2"},
		{"an unknown number has no record", normal(name, "110105199003070017"), "3"},
		{"a small x is the same number", normal(name, strings.ToLower(number)), "1"},

		{"a masked name and number match", masked(maskedName, maskedNumber), "1"},
		{"a masked small x is the same number", masked(maskedName, strings.ToLower(maskedNumber)), "1"},
		{"a masked name whose rest differs does not match", masked(maskedName+"丰", maskedNumber), "2"},
		{"a masked name whose digest differs does not match", masked("5"+maskedName[1:], maskedNumber), "2"},
		{"a masked unknown number has no record", masked(maskedName, "5"+maskedNumber[1:]), "3"},
		{"a masked name of four characters matches",
			masked("5101844aa36e3caa2a494b00f0fdc08a阳娜娜", maskedNumber[:38]+"0038"), "1"},
		{"a masked first character outside the BMP matches",
			masked("fe74100e1790d3b8e2a4b04e1fb184e2野", maskedNumber[:38]+"0046"), "1"},
		{"a masked name of one character matches",
			masked("cd45464d9deaf775b559f840220c6880", maskedOtherNumber), "1"},

		{"an encrypted name and number match", encrypted("encrypted "+name, "encrypted "+number), "1"},
		{"an encrypted name and number of another person do not match", encrypted("encrypted 李四", "encrypted "+number), "2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ans := ask{params: test.params}.mustSend(t, s)
			assert.True(t, ans.status == 200 && ans.Code == "200" && ans.Message == "success", "HTTP %d, %s", ans.status, ans.body)
			assert.Equal(t, test.bizCode, ans.bizCode)
		})
	}
}

// Each signature, method, place of the parameters and kind of access key. The message of
// a wrong secret is word for word that of published answers, and behind it stands exactly
// what the client signed: whoever signs by hand compares the two.
func TestEveryWayToSend(t *testing.T) {
	for i := range 16 {
		a := ask{rpc: i&1 != 0, query: i&2 != 0, method: []string{"POST", "GET"}[i>>2&1]}
		if i&8 != 0 {
			a.id, a.secret, a.token = "temporary", "its secret", "its token"
		}
		t.Run(fmt.Sprintf("%s, rpc %v, query %v, sts %v", a.method, a.rpc, a.query, a.token != ""), func(t *testing.T) {
			s := newServer(t)
			s.AddCredential("temporary", "its secret", "its token")
			for paramType, params := range map[string]map[string]string{"normal": normal(name, number), "md5": masked(maskedName, maskedNumber)} {
				a.params = params
				assert.Equal(t, "1", a.mustSend(t, s).bizCode)
				call := lastCall(t, s)
				assert.True(t, call.Method == a.method && (call.Params == "query") == a.query && call.ParamType == paramType &&
					call.STS == (a.token != "") && (call.Signature == "HMAC-SHA1") == a.rpc, "recorded as %+v", call)
			}

			var toSign, canonicalRequest string
			a.secret, a.toSign, a.canonicalRequest = "wrong", &toSign, &canonicalRequest
			ans := a.mustSend(t, s)
			want := "Specified signature does not match our calculation." +
				" server StringToSign is [" + toSign + "] server CanonicalRequest is [" + canonicalRequest + "]"
			if a.rpc {
				want = "Specified signature is not matched with our calculation. server string to sign is:" + toSign
			}
			assert.Equal(t, "SignatureDoesNotMatch", ans.Code)
			assert.Equal(t, want, ans.Message)
		})
	}
}

func TestParameters(t *testing.T) {
	s := newServer(t, withDecrypter)
	without := func(key string) map[string]string {
		p := normal(name, number)
		delete(p, key)
		return p
	}
	for _, test := range []struct {
		name   string
		params map[string]string
		want   string // Code 400, or the field that Code 401 names
	}{
		{"no ParamType", without("ParamType"), "400"},
		{"no UserName", without("UserName"), "400"},
		{"no IdentifyNum", without("IdentifyNum"), "400"},
		{"an empty UserName", normal("", number), "400"},
		{"an empty IdentifyNum", normal(name, ""), "400"},
		{"no parameter at all", map[string]string{}, "400"},

		{"an unknown ParamType", map[string]string{"ParamType": "MD5", "UserName": maskedName, "IdentifyNum": maskedNumber}, "paramType"},
		{"a digit in the name", normal("张3", number), "userName"},
		{"a full-width digit in the name", normal("张３", number), "userName"},
		{"a control character in the name", normal("张\n三", number), "userName"},
		{"a name in GBK", normal("\xd5\xc5\xc8\xfd", number), "userName"},
		{"name and number swapped", normal(number, name), "userName"},
		{"a number of 15 digits", normal(name, "110105491231002"), "identifyNum"},
		{"a number of 19 characters", normal(name, number+"0"), "identifyNum"},
		{"a letter in the number", normal(name, "1101051949123100AX"), "identifyNum"},
		{"an X that is not last", normal(name, "11010519491231X02X"), "identifyNum"},
		{"full-width digits in the number", normal(name, "１１０１０５１９４９１２３１００２Ｘ"), "identifyNum"},
		{"a date that does not exist", normal(name, "110105194913310021"), "identifyNum"},
		{"a wrong check digit", normal(name, "110105194912310021"), "identifyNum"},
		{"a line feed after the number", normal(name, number+"\n"), "identifyNum"},

		{"a plain name as md5", masked(name, maskedNumber), "userName"},
		{"a plain number as md5", masked(maskedName, number), "identifyNum"},
		{"a digest in capitals", masked(strings.ToUpper(maskedName), maskedNumber), "userName"},
		{"a number's digest in capitals", masked(maskedName, strings.ToUpper(maskedNumber)), "identifyNum"},
		{"a digest of 31 digits", masked(maskedName[1:], maskedNumber), "userName"},
		{"a digit behind the name's digest", masked(maskedName+"4", maskedNumber), "userName"},
		{"a number's digest of 31 digits", masked(maskedName, maskedNumber[:6]+maskedNumber[7:]), "identifyNum"},
		{"a masked name as plain text", normal(maskedName, number), "userName"},

		{"a plain name as sm2", encrypted(name, "encrypted "+number), "userName"},
		{"a plain number as sm2", encrypted("encrypted "+name, number), "identifyNum"},
		{"a digit in the encrypted name", encrypted("encrypted 张3", "encrypted "+number), "userName"},
		{"a wrong check digit in the encrypted number", encrypted("encrypted "+name, "encrypted 110105194912310021"), "identifyNum"},
	} {
		code, message := "401", "参数非法("+test.want+")"
		if test.want == "400" {
			code, message = "400", "参数不能为空"
		}
		t.Run(test.name+" is Code "+code, func(t *testing.T) {
			ans := ask{params: test.params}.mustSend(t, s)
			assert.Equal(t, ans.RequestId, ans.header.Get("x-acs-request-id"))
			assert.Equal(t, 200, ans.status)
			assert.Equal(t, code, ans.Code)
			assert.Equal(t, message, ans.Message)
			assert.NotContains(t, ans.body, "ResultObject", "there is no verdict")
			call := lastCall(t, s)
			assert.True(t, call.Outcome == code && !call.Billed && call.Person == "", "recorded as %+v", call)
		})
	}
}

// The whole of a published answer, but for the HTTP status, which it does not
// tell.
func TestIllegalParameterIsAnsweredLikeThePublishedExample(t *testing.T) {
	s := newServer(t)
	ans := ask{params: normal(name, "110105194912310021")}.mustSend(t, s)
	want := `{"RequestId":"` + ans.RequestId + `","HostId":"` + s.Endpoint() + `","Code":"401","Message":"参数非法(identifyNum)",` +
		`"Recommend":"https://api.aliyun.com/troubleshoot?q=401&product=Cloudauth&requestId=` + ans.RequestId + `"}`
	assert.Equal(t, want, ans.body)
	assert.NotEmpty(t, ans.RequestId)
}
