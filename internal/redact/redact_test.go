package redact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// person is a Redactor for one of GB 11643's sample numbers.
func person(name string) *Redactor {
	return &Redactor{
		Date: "19491231",
		Secrets: func() []string {
			return []string{name, "", "11010519491231002X", "6499fc7409049355527ef6a2ba5706b8", "FPHGGYPkzeqEhAnpBZzjVDiPPdKoNp"}
		},
		Tokens: []string{"", "token", "CAIS-gF1q6Ft5B2yfSjIr5eDL8n-mqx4-and-more"},
	}
}

// notShown is what stands for a text.
func notShown(text string) string {
	return fmt.Sprintf("(a text of %d bytes is not shown: it may repeat the person or a secret)", len(text))
}

func TestATextThatMayRepeatASecretIsNotShown(t *testing.T) {
	for kind, test := range map[string]struct {
		name  string
		texts []string
	}{
		"an ideographic name": {"张三", []string{"张三", "no record of 张三.", "张 三", "张\u200b三", "张·三", "张 (三)", "e5bca0e4b889", "E5 BC A0 E4 B8 89", "=E5=BC=A0=E4=B8=89"}},
		"an escaped name": {"张三", []string{"&#24352;&#19977;", "&#x5F20;&#x4E09;", "%E5%BC%A0", "%25E5%25BC%25A0", "%u5F20%u4E09", `\u5f20\u4e09`, `\xE5\xBC\xA0`,
			`\345\274\240`, "U+5F20 U+4E09", "u+5f20", "0x5F20", "Ren&eacute;"}},
		"a name in kana":                {"佐々木ノ", []string{"佐々木ノ", "ノ"}},
		"a name outside the BMP":        {"𠮷野", []string{"a𠮷野b"}},
		"a private-use character":       {"\uE863三", []string{"\uE863 三"}},
		"newer than Go's tables":        {"\U000323B0三", []string{"\U000323B0 三"}},
		"one ideograph":                 {"张", []string{"姓名张不合法"}},
		"a name in letters":             {"ZHANG SAN", []string{"zhang san", "ZhangSan", "zhang-san", "ＺＨＡＮＧ　ＳＡＮ", "𝐙hang San", "azhangsanb", "Zhāng Sān"}},
		"a name with accents":           {"René", []string{"Rene\u0301", "RENÉ", "é"}},
		"a short name":                  {"Li", []string{"Li", "client LI", "name:li;", "name_li_", "姓名li不合法", "L.I", "l i", "ask l i again"}},
		"a short name of A and Z":       {"Az", []string{"Az", "(az)"}},
		"a short name of two words":     {"A Bo", []string{"A BO", "Abo", "a-bo"}},
		"a short name with an accent":   {"Éa", []string{"xÉax", "x\u0301"}},
		"a name of four letters":        {"Abcd", []string{"Abcd"}},
		"a name of five letters":        {"Abcde", []string{"xabcdex"}},
		"a number":                      {"", numbers},
		"a date":                        {"", []string{"19491231", "1949-12-31", "31.12.1949", "12/31/1949", "1949年12月31日", "born 1949 12 31", "1949y12mo31", "1949abcd1231", "0-19491231-0", "3139343931323331", "f8817a47 7938 df5a 3e77 63cadc5a9abb"}},
		"a date in parts":               {"", []string{"31 December 1949", "Dec 31, 1949", "1949, Dec 31", "31.12.49", "49-12-31", "12/31/49", "110105491231002", "1949-012-0031"}},
		"digits that are not ASCII":     {"", []string{"１９４９", "١٩٤٩", "①", "Ⅻ", "¹", "〇"}},
		"a key":                         {"", []string{"FPHGGYPkzeqEhAnpBZzjVDiPPdKoNp", "fphggypkzeqehanpbzzjvdippdkonp", "FPHGGYPkzeqE hAnpBZzjVDiPPdKoNp"}},
		"a token":                       {"", []string{"the token", "tokens", "CAIS-gF1q6Ft5B2yfSjIr5eDL8n-mqx4-but-other", "caisgf1q6ft5b2yfsjir5edl8nmqx4an"}},
		"what looks like a secret":      {"", []string{"440524188001010014", "123456789abcdef", "110105********002X", "***************", "440524 20010101 0014", "4-4-0-5-2-4-1-8-8-0-0-1-0-1-0-0-1-x"}},
		"a password":                    {"", []string{"http://user:open-sesame@proxy.example", "user:open-sesame@proxy"}},
		"a text too long for a message": {"", []string{strings.Repeat("x ", 8193)}},
	} {
		for _, text := range test.texts {
			t.Run(kind+": "+text[:min(len(text), 80)], func(t *testing.T) {
				assert.Equal(t, notShown(text), person(test.name).Text(text))
			})
		}
	}
}

// numbers are spellings of a sample number that somebody may write.
var numbers = []string{
	"11010519491231002X", "11010519491231002x", "参数非法(11010519491231002X)",
	"110105 19491231 002X", "110105-19491231-002X", "110105.19491231.002x", "110105/19491231/002X", "110105_19491231_002X",
	"110105·19491231·002X", "110105\u00a019491231\u00a0002X", "110105\u300019491231\u3000002X", "110105\n19491231\n002X",
	"1101 0519 4912 3100 2X", "110105 1949 1231 002 X", "110105 1949-12-31 002X", "110 105 194 912 310 02X",
	"1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X", "1-1-0-1-0-5-1-9-4-9-1-2-3-1-0-0-2-X",
	"110105+19491231+002X", "110105%2019491231%20002X", "110105%252019491231%2520002X", `110105\u00a019491231\u00A0002X`,
}

func TestANumberThatWasNotGivenIsRecognized(t *testing.T) {
	for _, number := range numbers {
		t.Run(number, func(t *testing.T) { assert.Equal(t, notShown(number), new(Redactor).Text(number)) })
	}
}

// The md5 of a date is all that a Redactor knows of a masked person.
func TestAMaskedNumberIsRecognizedByItsMD5(t *testing.T) {
	r := &Redactor{Date: "f8817a477938df5a3e7763cadc5a9abb"}
	assert.Equal(t, notShown("f8817a47-7938-df5a-3e77-63cadc5a9abb"), r.ID("f8817a47-7938-df5a-3e77-63cadc5a9abb"))
	assert.Equal(t, "1949-12-31", r.Text("1949-12-31"), "it does not know the date")
}

// A text without a secret must arrive: addresses, times, versions, words of the service.
func TestTextShowsWhatHoldsNoSecret(t *testing.T) {
	for _, text := range []string{
		"", "read tcp 192.168.100.101:34567->10.20.30.40:443: i/o timeout",
		"dial tcp [2001:db8::1]:443: connect: connection refused",
		"2026-11-26 21:54:11 GMT", "HTTP/1.1 502 Bad Gateway", "Limit:50,Remain:0,TimeLeft:2000,Reset:1234",
		"110105 49 1232", "12 1949", "49 31 x", "31 12 7 7 49", "1949 x 1 1 31", "19491232", "call 400-800-1234", "20060102150405",
		"https://api.aliyun.com/troubleshoot?q=InvalidAccessKeyId.NotFound&product=Cloudauth", "Q&A, R&D",
		"参数非法（identifyNum）", "安全策略限制，请重新尝试", "Specified access key is not found.",
		"client of aliyun", "a-ali-b", "0li", "li0", "9li", "li9", "ali", "zli", "liz", "123456789abcde", "**************", "320524 1880-01-01 --0014", "张", "三张",
		strings.Repeat("x", maxShown),
	} {
		t.Run(text[:min(len(text), 80)], func(t *testing.T) {
			assert.Equal(t, text, person("Li").Text(text))
			assert.Equal(t, text, person("张三").Text(text))
		})
	}
}

func TestTextIsBoundedAndCannotForgeALine(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a line break and an invisible character", "ok\r\nlevel=ERROR\u202e", "ok  level=ERROR "},
		{"bytes that are not UTF-8", "a\xff\xfeb", "a\uFFFDb"},
		{"a long text", strings.Repeat("x", maxShown+1), strings.Repeat("x", maxShown) + "…"},
		{"a long text, cut between characters", "x" + strings.Repeat("非", 600), "x" + strings.Repeat("非", 170) + "…"},
		{"the longest text", strings.Repeat("x ", 8192), strings.Repeat("x ", 256) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) { assert.Equal(t, test.want, person("张三").Text(test.text)) })
	}
}

func TestID(t *testing.T) {
	for _, test := range []struct {
		name, id string
		shown    bool
	}{
		{"a UUID", "8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260", true},
		{"a UUID in small letters", "8fc3d6ac-9fed-4311-8da7-c4bf47d9f260", true},
		{"a UUID with a name in it", "8fc3d6ac-9fed-4311-8da7-deadbeefc0de", true},
		{"a UUID that begins with the date", "19491231-9fed-4311-8da7-c4bf47d9f260", false},
		{"a UUID that is the number", "11010519-4912-4310-8020-000000000000", true}, // the date is broken up
		{"a UUID whose digits are the number", "11010519-4912-31a0-b02c-dddddddddddd", false},
		{"a UUID whose digits are the date the other way round", "aaa31a12-1949-4aaa-aaaa-aaaaaaaaaaaa", false},
		{"a UUID that holds the date in hex", "31393439-3132-3331-8da7-c4bf47d9f260", false},
		{"a UUID that is the md5 of the date", "F8817A47-7938-DF5A-3E77-63CADC5A9ABB", false},
		{"a UUID in which the date has a short year", "8fc3d6ac-49ed-4491-2311-c4bf47d9f260", true},
		{"hex digits", "8fc3d6ac9fed43118da7c4bf47d9f260", true},
		{"digits", "1766026230000", true},
		{"a word", "request-1", true},
		{"nothing", "", true},
		{"the number", "11010519491231002X", false},
		{"the number in small letters, among others", "a-11010519491231002x-b", false},
		{"the masked number", "110105f8817a477938df5a3e7763cadc5a9abb002X", false},
		{"the date", "0-19491231-0", false},
		{"the date with letters in it", "1949y12mo31", false},
		{"the date with a digit in it", "1949012031", true},
		{"the date behind a beginning of it", "19-1949-1949-12-31", false},
		{"a long secret", "x-fphggypkzeqehanpbzzjvdippdkonp", false},
		{"a short token", "tokens", false},
		{"the beginning of a long token", "CAIS-gF1q6Ft5B2yfSjIr5eDL8n-mqx4-but-other", false},
		{"a short name as a word", "a-li-b", false},
		{"a short name alone", "LI", false},
		{"a short name in a word", "ali-lia-1", true},
		{"128 characters", strings.Repeat("-a", 64), true},
		{"128 hex digits", strings.Repeat("a1", 64), true},
		{"129 hex digits", strings.Repeat("a1", 64) + "a", false},
		{"a text", "a b", true},
		{"a text with a secret", "a 19491231", false},
		{"a UUID with something before it", "x8fc3d6ac-9fed-4311-8da7-c4bf47d9f260 Li", false},
		{"a long text whose end is a secret", strings.Repeat("x", 200) + "fphggypkzeqehanpbzzjvdippdkonp", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.shown {
				assert.Equal(t, test.id, person("Li").ID(test.id))
			} else {
				assert.Equal(t, notShown(test.id), person("Li").ID(test.id))
			}
		})
	}
}

// Every verdict has a request ID, so the usual one asks for no secret.
func TestNoSecretIsAskedForAUUID(t *testing.T) {
	asked := 0
	r := &Redactor{Date: "19491231", Secrets: func() []string { asked++; return nil }}
	r.ID("8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260")
	assert.Zero(t, asked)
	r.Text("a")
	r.Text("b")
	assert.Equal(t, 1, asked, "once")
}

func TestTheZeroRedactorWithholdsWhatLooksLikeASecret(t *testing.T) {
	var r Redactor
	assert.Equal(t, notShown("no record of 11010519491231002X"), r.Text("no record of 11010519491231002X"))
	assert.Equal(t, "request 1", r.Text("request 1"))
	assert.Equal(t, "1949-1231", r.ID("1949-1231"))
}

// fieldError holds more than Error shows.
type fieldError struct{ Body string }

func (fieldError) Error() string { return "the circuit is open" }

// formattingError writes more for a verb than its text.
type formattingError struct{ error }

func (formattingError) Format(f fmt.State, _ rune) { io.WriteString(f, "张三") }

func (e formattingError) Unwrap() error { return e.error }

type panickingError string

func (e panickingError) Error() string { panic(string(e)) }

func TestError(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	const circuit, sending = "the circuit is open", "sending 张三: EOF"
	for _, test := range []struct {
		name string
		err  error
		want string
		is   error
	}{
		{"a clean error keeps its text", refused, "dial tcp: connection refused", syscall.ECONNREFUSED},
		{"an error with a secret keeps what it is", fmt.Errorf("sending 张三: %w", io.EOF), notShown(sending), io.EOF},
		{"an error of a context", context.DeadlineExceeded, "context deadline exceeded", context.DeadlineExceeded},
		{"a field is not shown", errors.Join(fieldError{"张三"}, io.EOF), circuit + " EOF", io.EOF},
		{"the URL is not repeated", &url.Error{Op: "Post", URL: "https://example.com/", Err: io.EOF}, "EOF", io.EOF},
		{"the URL of a wrapped error, neither", fmt.Errorf("a: %w", &url.Error{Op: "Post", URL: "https://example.com/", Err: io.EOF}), "EOF", io.EOF},
		{"a url.Error in a url.Error, neither", &url.Error{Op: "Post", Err: &url.Error{Op: "Post", URL: "https://example.com/", Err: io.EOF}}, "EOF", io.EOF},
		{"what an error writes for a verb is not shown", &url.Error{Op: "Post", Err: &url.Error{Op: "Post", Err: formattingError{io.EOF}}}, "EOF", io.EOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := person("张三").Error(test.err)
			assert.EqualError(t, got, test.want)
			require.ErrorIs(t, got, test.is)
			assert.NotErrorIs(t, got, io.ErrClosedPipe)
			for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
				assert.NotContains(t, fmt.Sprintf(verb, got), "张三")
			}
			assert.Nil(t, errors.Unwrap(got))
			_, found := errors.AsType[fieldError](got)
			assert.False(t, found)
		})
	}
	t.Run("an error that panics is not shown", func(t *testing.T) {
		assert.Contains(t, person("张三").Error(panickingError("张三")).Error(), "is not shown")
		assert.Contains(t, person("张三").Error(&url.Error{Op: "Post"}).Error(), "is not shown", "it has no reason")
	})
	t.Run("a body of 10 MiB in a field costs nothing", func(t *testing.T) {
		start := time.Now()
		assert.EqualError(t, person("张三").Error(fieldError{strings.Repeat("张", 10<<20/3)}), circuit)
		assert.Less(t, time.Since(start), time.Second)
	})
}

// FuzzText: whatever stands around a secret, it is not shown, and nothing is that
// could forge a line.
func FuzzText(f *testing.F) {
	for _, seed := range [][2]string{
		{"no record of ", "."}, {"%2", "5"}, {"1", "1"}, {"http://user:password@", "/"}, {"\xff", "\r\n"}, {"\\u00", "\u202e"}, {"\u0301", "\u0301"},
	} {
		f.Add(seed[0], seed[1])
	}
	secrets := []string{"张三", "11010519491231002X", "11010519491231002x", "19491231", "1949-12-31", "31.12.1949", "110105 19491231 002X", "1-1-0-1-0-5-1-9-4-9-1-2-3-1-0-0-2-X", "FPHGGYPkzeqEhAnpBZzjVDiPPdKoNp"}
	f.Fuzz(func(t *testing.T, before, behind string) {
		for _, secret := range secrets {
			for _, text := range []string{person("张三").Text(before + secret + behind), person("张三").ID(before + secret + behind)} {
				if strings.Contains(text, secret) {
					t.Fatalf("%q is in %q", secret, text)
				}
				if strings.ContainsAny(text, "\r\n\x00\u2028\u202e") || len(text) > maxShown+len("…") {
					t.Fatalf("%q", text)
				}
			}
		}
	})
}
