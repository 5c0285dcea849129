package redact

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// person is a Redactor for one of GB 11643's sample numbers.
func person(name string) *Redactor {
	return &Redactor{
		Date: "19491231",
		Secrets: func() []string {
			return []string{name, "", "11010519491231002X", "110105f8817a477938df5a3e7763cadc5a9abb002X", "FPHGGYPkzeqEhAnpBZzjVDiPPdKoNp"}
		},
		Tokens: []string{"", "token", "CAIS-gF1q6Ft5B2yfSjIr5eDL8n-mqx4-and-more"},
	}
}

func TestTheZeroRedactorHidesWhatLooksLikeASecret(t *testing.T) {
	var r Redactor
	assert.Equal(t, "no record of ***", r.Text("no record of 11010519491231002X"))
	assert.Equal(t, "request 1", r.Text("request 1"))
	assert.Equal(t, "1949-1231", r.ID("1949-1231"))
}

// numbers are spellings of a sample number that somebody may write.
var numbers = []string{
	"11010519491231002X", "11010519491231002x",
	"110105 19491231 002X", "110105-19491231-002X", "110105.19491231.002x", "110105/19491231/002X", "110105_19491231_002X",
	"110105·19491231·002X", "110105\u00a019491231\u00a0002X", "110105\u300019491231\u3000002X", "110105\n19491231\n002X",
	"1101 0519 4912 3100 2X", "110105 1949 1231 002 X", "110105 1949-12-31 002X", "110 105 194 912 310 02X",
	"1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X", "1-1-0-1-0-5-1-9-4-9-1-2-3-1-0-0-2-X",
	"110105+19491231+002X", "110105%2019491231%20002X", "110105%252019491231%2520002X", "110105%C2%A019491231%C2%A0002X",
	"110105%E3%80%8019491231%e3%80%80002X", `110105\u00a019491231\u00A0002X`, `110105\\u300019491231\\u3000002X`,
}

func TestANumberIsRecognisedHoweverItsDigitsAreSeparated(t *testing.T) {
	for _, number := range numbers {
		for name, r := range map[string]*Redactor{
			"given":     {Secrets: func() []string { return []string{"11010519491231002X"} }},
			"not given": new(Redactor),
		} {
			t.Run(name+" "+number, func(t *testing.T) {
				assert.Equal(t, "参数非法("+Mark+") of a request", r.Text("参数非法("+number+") of a request"))
			})
		}
	}
	t.Run("a given number need not hold a date of birth", func(t *testing.T) {
		r := &Redactor{Secrets: func() []string { return []string{"999999999999999999"} }}
		assert.Equal(t, Mark, r.Text("999999 99999999 9999"))
	})
}

// Redaction must leave what helps: addresses, times, versions, and what is no number.
func TestTextKeepsWhatIsNoSecret(t *testing.T) {
	for _, text := range []string{
		"read tcp 192.168.100.101:34567->10.20.30.40:443: i/o timeout",
		"dial tcp [2001:db8::1]:443: connect: connection refused",
		"2026-11-26 21:54:11 GMT", "HTTP/1.1 502 Bad Gateway", "Limit:50,Remain:0,TimeLeft:2000,Reset:1234",
		"110105 19491231", "call 400-800-1234",
	} {
		assert.Equal(t, text, new(Redactor).Text(text))
	}
}

func TestID(t *testing.T) {
	for _, test := range []struct {
		name, id string
		kept     bool
	}{
		{"a UUID", "8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260", true},
		{"a UUID in small letters", "8fc3d6ac-9fed-4311-8da7-c4bf47d9f260", true},
		{"a UUID that begins with the date", "19491231-9fed-4311-8da7-c4bf47d9f260", false},
		{"hex digits", "8fc3d6ac9fed43118da7c4bf47d9f260", true},
		{"digits", "1766026230000", true},
		{"a word", "request-1", true},
		{"nothing", "", true},
		{"the number", "11010519491231002X", false},
		{"the number in small letters, among others", "a-11010519491231002x-b", false},
		{"the masked number", "110105f8817a477938df5a3e7763cadc5a9abb002X", false},
		{"the date", "0-19491231-0", false},
		{"the date with letters in it", "1949y12mo31", false},
		{"the date with three letters in it", "1949abc12abc31", false},
		{"the date with four letters in it", "1949abcd1231", true},
		{"the date with a digit in it", "1949012031", true},
		{"the date behind a beginning of it", "19-1949-1949-12-31", false},
		{"a long secret", "x-fphggypkzeqehanpbzzjvdippdkonp", false},
		{"a short token", "tokens", false},
		{"the beginning of a long token", "CAIS-gF1q6Ft5B2yfSjIr5eDL8n-mqx4-but-other", false},
		{"a short name as a word", "a-li-b", false},
		{"a short name alone", "LI", false},
		{"a short name in a word", "ali-lia-1", true},
		{"128 characters", strings.Repeat("-x", 64), true},
		{"129 characters", strings.Repeat("-x", 64) + "x", true}, // but by Text
		{"what is no ID", "a b", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := person("Li").ID(test.id)
			if test.kept {
				assert.Equal(t, test.id, got)
			} else {
				assert.NotEqual(t, test.id, got)
				assert.Contains(t, got, Mark)
			}
		})
	}
}

// Every verdict has a request ID, so the usual one must cost nothing.
func TestNothingIsCompiledForAUUID(t *testing.T) {
	r := person("张三")
	r.ID("8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260")
	assert.Nil(t, r.pattern)
}

// FuzzText: whatever stands around a secret, it is not shown, and nothing is that
// could forge a line.
func FuzzText(f *testing.F) {
	for _, seed := range [][2]string{
		{"no record of ", "."}, {"%2", "5"}, {"1", "1"}, {"http://user:password@", "/"}, {"\xff", "\r\n"}, {"\\u00", "\u202e"},
	} {
		f.Add(seed[0], seed[1])
	}
	secrets := []string{"张三", "11010519491231002X", "11010519491231002x", "19491231", "1949-12-31", "110105 19491231 002X", "1-1-0-1-0-5-1-9-4-9-1-2-3-1-0-0-2-X", "FPHGGYPkzeqEhAnpBZzjVDiPPdKoNp"}
	f.Fuzz(func(t *testing.T, before, behind string) {
		for _, secret := range secrets {
			text := person("张三").Text(before + secret + behind)
			if strings.Contains(text, secret) {
				t.Fatalf("%q is in %q", secret, text)
			}
			if strings.ContainsAny(text, "\r\n\x00\u2028\u202e") || len(text) > maxServerText+len("…") {
				t.Fatalf("%q", text)
			}
		}
	})
}
