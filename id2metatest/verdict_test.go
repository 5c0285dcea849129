package id2metatest_test

import (
	"strings"
	"testing"
)

func TestVerdict(t *testing.T) {
	s := newServer(t)
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
	} {
		t.Run(test.name, func(t *testing.T) {
			ans := ask{params: test.params}.mustSend(t, s)
			if ans.status != 200 || ans.Code != "200" || ans.Message != "success" || ans.bizCode != test.bizCode {
				t.Errorf("got HTTP %d, %s, want BizCode %s", ans.status, ans.body, test.bizCode)
			}
		})
	}
}

func TestEveryWayToSend(t *testing.T) {
	s := newServer(t)
	s.AddCredential("temporary", "its secret", "its token")

	for _, rpc := range []bool{false, true} {
		for _, method := range []string{"POST", "GET"} {
			for _, query := range []bool{false, true} {
				for _, md5 := range []bool{false, true} {
					for _, sts := range []bool{false, true} {
						a := ask{rpc: rpc, method: method, query: query}
						labels := []string{"signed by ACS3", method, "in the body", "as plain text", "with a permanent key"}
						if rpc {
							labels[0] = "signed by HMAC-SHA1"
						}
						if query {
							labels[2] = "in the query"
						}
						if md5 {
							labels[3] = "masked"
							a.params = masked(maskedName, maskedNumber)
						}
						if sts {
							labels[4] = "with a temporary key"
							a.id, a.secret, a.token = "temporary", "its secret", "its token"
						}
						t.Run(strings.Join(labels, " "), func(t *testing.T) {
							if ans := a.mustSend(t, s); ans.bizCode != "1" {
								t.Errorf("HTTP %d: %s", ans.status, ans.body)
							}
							call := s.Calls()[len(s.Calls())-1]
							if call.Method != method || (call.Params == "query") != query ||
								(call.ParamType == "md5") != md5 || call.STS != sts ||
								(call.Signature == "HMAC-SHA1") != rpc {
								t.Errorf("recorded as %+v", call)
							}
						})
					}
				}
			}
		}
	}
}

func TestParameters(t *testing.T) {
	s := newServer(t)
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
		{"a date that does not exist", normal(name, "11010519491331002X"), "identifyNum"},
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
	} {
		code, message := "401", "参数非法("+test.want+")"
		if test.want == "400" {
			code, message = "400", "参数不能为空"
		}
		t.Run(test.name+" is Code "+code, func(t *testing.T) {
			ans := ask{params: test.params}.mustSend(t, s)
			if ans.status != 200 || ans.Code != code || ans.Message != message || ans.bizCode != "" {
				t.Errorf("got HTTP %d, %s, want %s", ans.status, ans.body, message)
			}
			if strings.Contains(ans.body, "ResultObject") {
				t.Error("there is a ResultObject without a verdict")
			}
			call := s.Calls()[len(s.Calls())-1]
			if call.Outcome != code || call.Billed || call.Person != "" {
				t.Errorf("recorded as %+v", call)
			}
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
	if ans.body != want || ans.RequestId == "" {
		t.Errorf("got  %s\nwant %s", ans.body, want)
	}
}
