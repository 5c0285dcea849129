package id2meta

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/identity"
	"github.com/id2meta/id2meta/internal/progress"
	"github.com/id2meta/id2meta/internal/redact"
	"github.com/id2meta/id2meta/internal/transport"
)

func TestBackoffDoublesWithFullJitterUpToItsCap(t *testing.T) {
	const samples = 2000
	for attempts, longest := range map[int]time.Duration{
		1:  100 * time.Millisecond,
		2:  200 * time.Millisecond,
		3:  400 * time.Millisecond,
		5:  1600 * time.Millisecond,
		6:  2 * time.Second,
		70: 2 * time.Second,
	} {
		k := call{attempts: attempts}
		least, most := longest, time.Duration(0)
		for range samples {
			wait := k.backoff()
			least, most = min(least, wait), max(most, wait)
		}
		assert.GreaterOrEqual(t, least, time.Duration(0))
		assert.Less(t, least, longest/10, "attempt %d: the jitter is not full", attempts)
		assert.Less(t, most, longest, "attempt %d", attempts)
		assert.Greater(t, most, longest*9/10, "attempt %d", attempts)
	}
}

func TestOutcomeOfAConnectionThatFails(t *testing.T) {
	dial := func(err syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	for _, test := range []struct {
		name   string
		err    error
		remedy Remedy
		text   string
	}{
		{"refused: try later", dial(syscall.ECONNREFUSED), RemedyTryLater, ""},
		{"no route, as with IPv6 alone: the operator", dial(syscall.ENETUNREACH), RemedyOperator, "dual-stack"},
		{"no such family of addresses: the operator", dial(syscall.EAFNOSUPPORT), RemedyOperator, "dual-stack"},
		{"a proxy that asks for a password: the operator", errors.New("Proxy Authentication Required"), RemedyOperator, "user and a password"},
		{"another refusal of a proxy: try later", errors.New("Bad Gateway"), RemedyTryLater, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := newOutcomeError(ofConnection(test.err, test.err.Error()), "no connection to 127.0.0.1:1", test.err)
			assert.ErrorIs(t, err, ErrUnavailable)
			assert.ErrorContains(t, err, test.text)
			assert.Equal(t, test.remedy, RemedyOf(err))
		})
	}
}

func TestAnUntrustedCertificateIsExplainedByItsIssuer(t *testing.T) {
	unknown := x509.UnknownAuthorityError{Cert: &x509.Certificate{Issuer: pkix.Name{CommonName: "Proxy CA", Organization: []string{"Company"}}}}
	assert.Equal(t, " (certificate issued by CN=Proxy CA,O=Company)", explainCertificate(fmt.Errorf("tls: %w", unknown)))
	assert.Empty(t, explainCertificate(http.ErrServerClosed))
	assert.Empty(t, explainCertificate(x509.UnknownAuthorityError{}))
}

func TestAClockThatIsSetBackBeginsNoDayAgain(t *testing.T) {
	d := dailyLimit{max: 1}
	_, err := d.take(timeAt(t, "2026-12-31T16:00:00Z"))
	assert.NoError(t, err)
	_, err = d.take(timeAt(t, "2026-12-31T15:00:00Z"))
	assert.ErrorIs(t, err, ErrDailyLimit)
	assert.Error(t, d.reached(timeAt(t, "1960-01-01T00:00:00Z")))
}

func TestAClockBefore1970KeepsToTheLimit(t *testing.T) {
	d := dailyLimit{max: 1}
	_, err := d.take(timeAt(t, "1960-01-01T00:00:00Z"))
	assert.NoError(t, err)
	_, err = d.take(timeAt(t, "1960-01-03T00:00:00Z"))
	assert.ErrorIs(t, err, ErrDailyLimit)
	_, err = d.take(timeAt(t, "2026-12-31T16:00:00Z"))
	assert.NoError(t, err, "the clock is right again")
}

func TestARequestGivenBackAfterMidnightDoesNotCountForTheNewDay(t *testing.T) {
	d := dailyLimit{max: 1}
	giveBack, err := d.take(timeAt(t, "2026-12-31T15:59:59Z"))
	assert.NoError(t, err)
	_, err = d.take(timeAt(t, "2026-12-31T16:00:00Z"))
	assert.NoError(t, err)
	giveBack()
	_, err = d.take(timeAt(t, "2026-12-31T16:00:01Z"))
	assert.ErrorIs(t, err, ErrDailyLimit)
}

func timeAt(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

// The User-Agent tells the vendor, and the logs of proxies, which release sent a
// request: the version in it is that of the first entry of the changelog.
func TestTheVersionIsTheChangelogs(t *testing.T) {
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	entry := regexp.MustCompile(`(?m)^## (\S+)`).FindSubmatch(changelog)
	if entry == nil {
		t.Fatal("CHANGELOG.md has no entry")
	}
	if got := string(entry[1]); got != version {
		t.Errorf("the first entry of CHANGELOG.md is %s, and the constant version is %s", got, version)
	}
}

// The retry and the remedy of this outcome are in the table of docs/errors.md.
func TestAnAnswerToSomethingElseIsNoVerdict(t *testing.T) {
	k := call{Client: new(Client), deadline: time.Now().Add(time.Hour), report: func(progress.State) {}}
	result, err := k.read(t.Context(), "127.0.0.1:1", new(redact.Redactor), transport.Response{Unasked: true, Sent: true})
	assert.Zero(t, result)
	assert.ErrorIs(t, err, ErrUnexpectedResponse)
	assert.ErrorContains(t, err, "the answer came before the request: 127.0.0.1:1")
	assert.ErrorIs(t, k.giveUp(err), ErrMaybeBilled)
}

func TestDecodeAnswerReadsEveryField(t *testing.T) {
	a := decodeAnswer([]byte(`{"RequestId":"R","Message":"M","Code":"Throttling","Recommend":"https://…","HostId":"H"}`))
	assert.Equal(t, "R", *a.RequestId)
	assert.Equal(t, "M", *a.Message)
	assert.Equal(t, "Throttling", *a.Code)
	assert.Equal(t, "https://…", *a.recommend)
	assert.Nil(t, a.ResultObject)
	_, ok := a.verdict()
	assert.False(t, ok)
}

// FuzzDecodeAnswer compares decodeAnswer with json.Unmarshal. If decodeAnswer finds a
// verdict, json.Unmarshal must find the same verdict.
func FuzzDecodeAnswer(f *testing.F) {
	for _, body := range []string{
		`{"RequestId":"8FC3D6AC-9FED-4311-8DA7-C4BF47D9F260","Message":"success","Code":"200","ResultObject":{"BizCode":"1"}}`,
		`{"Code":200,"ResultObject":{"BizCode":2}}`,
		`{"Code":"411","Message":"","Recommend":"https://"}`,
		`{"Code":200.0,"ResultObject":{"BizCode":1e0}}`,
		`{"Code":"200","Code":"200","ResultObject":{"BizCode":"1"}}`,
		`{"\u0043ode":"200","ResultObject":{"BizCode":"\u0031"}}`,
		`{"Code":"200","ResultObject":null}`,
		`{"Code":"200","ResultObject":{"BizCode":"0"}}`,
		`{"Code":"200","ResultObject":{"BizCode":"1 "}}`,
		`null`, `[]`, `{}`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := decodeAnswer(body).verdict()
		if !ok {
			if got != "" {
				t.Fatalf("%q beside false", got)
			}
			return
		}
		if got != BizCodeMatch && got != BizCodeMismatch && got != BizCodeNoRecord {
			t.Fatalf("%q is no verdict", got)
		}
		if !utf8.Valid(body) {
			t.Fatal("a verdict of what is not UTF-8")
		}
		outer := decodeMap(t, body)
		requireText(t, outer["Code"], "200")
		inner := decodeMap(t, outer["ResultObject"])
		requireText(t, inner["BizCode"], string(got))
		if n := countFields(t, body); n != len(outer) {
			t.Fatalf("%d fields with %d names", n, len(outer))
		}
		if n := countFields(t, outer["ResultObject"]); n != len(inner) {
			t.Fatalf("%d fields with %d names in ResultObject", n, len(inner))
		}

		// A verdict with an addition is not a verdict.
		for _, odd := range [][]byte{
			append(bytes.Clone(body), 'x'),
			append(bytes.Clone(body), body...),
			append([]byte("\ufeff"), body...),
			append([]byte(`{"Code":"200",`), bytes.TrimLeft(body, " \t\r\n")[1:]...),
		} {
			if _, ok := decodeAnswer(odd).verdict(); ok {
				t.Fatalf("a verdict of %q", odd)
			}
		}
	})
}

func decodeMap(t *testing.T, body []byte) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("a verdict of what is no object: %v", err)
	}
	return m
}

// requireText requires want as a string or as a number. 200.0 is not 200.
func requireText(t *testing.T, value json.RawMessage, want string) {
	var s string
	if string(value) != want && (json.Unmarshal(value, &s) != nil || s != want) {
		t.Fatalf("%s is not %s", value, want)
	}
}

// countFields counts the fields of an object. It counts two fields of the same name twice.
func countFields(t *testing.T, body []byte) int {
	d := json.NewDecoder(bytes.NewReader(body))
	d.Token()
	n := 0
	for ; d.More(); n++ {
		d.Token()
		if err := d.Decode(new(json.RawMessage)); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

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

var update = flag.Bool("update", false, "write the tables of outcomes and problems into docs")

var sentinelNames = map[error]string{
	ErrInvalidParam: "ErrInvalidParam", ErrThrottled: "ErrThrottled", ErrSourceUnavailable: "ErrSourceUnavailable",
	ErrRepeatedCall: "ErrRepeatedCall", ErrNotActivated: "ErrNotActivated", ErrAccessDenied: "ErrAccessDenied",
	ErrOverdue: "ErrOverdue", ErrCredential: "ErrCredential", ErrUnavailable: "ErrUnavailable",
	ErrUnexpectedResponse: "ErrUnexpectedResponse",
	context.Canceled:      "context.Canceled", context.DeadlineExceeded: "context.DeadlineExceeded",
}

// docsLanguage is one edition of docs/errors.md, with its words for what the code knows.
type docsLanguage struct {
	file   string
	retry  map[retry]string
	billed map[bool]string
	remedy map[Remedy]string
}

var docsLanguages = []docsLanguage{
	{
		file: "docs/errors.md",
		retry: map[retry]string{
			never: "no", atOnce: "next endpoint, at once", afterBackoff: "after a backoff",
			afterRetryAfter: "after the wait in the answer", onlyIfRequested: "only with `WithRetryUnanswered`",
		},
		billed: map[bool]string{false: "no", true: "maybe"},
		remedy: map[Remedy]string{
			RemedyCorrectInput: "correct the input", RemedyTryLater: "try later", RemedyNotThisPerson: "not this person",
			RemedyOperator: "operator", RemedyReport: "report",
		},
	},
	{
		file: "docs/errors.zh-CN.md",
		retry: map[retry]string{
			never: "否", atOnce: "立即换接入点", afterBackoff: "退避后",
			afterRetryAfter: "按应答里的等待时间", onlyIfRequested: "仅 `WithRetryUnanswered`",
		},
		billed: map[bool]string{false: "否", true: "可能"},
		remedy: map[Remedy]string{
			RemedyCorrectInput: "改正输入", RemedyTryLater: "稍后再试", RemedyNotThisPerson: "暂不核验此人",
			RemedyOperator: "运维", RemedyReport: "反馈",
		},
	},
}

// inDocs returns the first cells of o's line in the document: its name, and all that the
// code knows of it.
func (o *outcome) inDocs(l docsLanguage) (name, cells string) {
	switch {
	case o.code != "" && o.what != "":
		name = "Code " + o.code + ", " + o.what
	case o.code != "":
		name = "Code " + o.code
	case o.status != nil || o == &answerOutcomes[len(answerOutcomes)-1]:
		name = "no known Code, " + o.what
	default:
		name = o.what
	}
	return "| " + name + " |", fmt.Sprintf(" `%s` | %s | %s | %s |", sentinelNames[o.sentinel], l.retry[o.retry], l.billed[o.billed], l.remedy[o.remedy])
}

// Each row of outcome.go is one line of docs/errors.md and of its Chinese edition, in the
// same order. The line ends with two cells in prose, which belong to the document: the
// cause, and what to do. go test -run TestDocs -update writes the other cells.
func TestDocsErrorsHasTheTableOfOutcomes(t *testing.T) {
	for _, language := range docsLanguages {
		t.Run(language.file, func(t *testing.T) {
			text, err := os.ReadFile(language.file)
			require.NoError(t, err)
			const rule = "|---|---|---|---|---|---|---|\n"
			before, rest, found := strings.Cut(string(text), rule)
			require.True(t, found)
			table, after, _ := strings.Cut(rest, "\n\n")

			prose := map[string]string{} // by the name of the row
			for line := range strings.Lines(table + "\n") {
				cells := strings.SplitN(line, "|", 7)
				require.Len(t, cells, 7, line)
				prose["|"+cells[1]+"|"] = cells[6]
			}
			var want strings.Builder
			for _, o := range allOutcomes() {
				name, cells := o.inDocs(language)
				assert.Equalf(t, 2, strings.Count(prose[name], "|"), "%s needs a cause and what to do", name)
				want.WriteString(name + cells + prose[name])
			}
			assert.Equal(t, len(allOutcomes()), len(prose), "the table has another number of lines")
			if *update {
				require.NoError(t, os.WriteFile(language.file, []byte(before+rule+strings.TrimSuffix(want.String(), "\n")+"\n\n"+after), 0o666))
				return
			}
			assert.True(t, strings.TrimSuffix(want.String(), "\n") == table, "run: go test -run TestDocs -update .")
		})
	}
}

// docs/personal-data.md has the table of problems with their reasons, and its Chinese
// edition has the table with the Chinese sentences. go test -run TestDocs -update .
// writes both.
func TestDocsPersonalDataHasTheTableOfProblems(t *testing.T) {
	const begin, end = "<!-- problems: begin -->\n", "<!-- problems: end -->\n"
	for _, page := range []struct {
		file, heading, both string
		sentence            func(identity.Text) string
	}{
		{"docs/personal-data.md", "| Problem | field | Reason |\n|---|---|---|\n", "both", func(text identity.Text) string { return text.Reason }},
		{"docs/personal-data.zh-CN.md", "| Problem | 字段 | Chinese() |\n|---|---|---|\n", "两者", func(text identity.Text) string { return text.Chinese }},
	} {
		t.Run(page.file, func(t *testing.T) {
			text, err := os.ReadFile(page.file)
			require.NoError(t, err)
			before, rest, found := strings.Cut(string(text), begin)
			require.True(t, found)
			table, after, found := strings.Cut(rest, end)
			require.True(t, found)

			var want strings.Builder
			want.WriteString(page.heading)
			for _, text := range identity.Texts() {
				field := cmp.Or(text.Field, page.both)
				if text.Problem == "param_type" {
					field = "ParamType"
				}
				fmt.Fprintf(&want, "| `%s` | %s | %s |\n", text.Problem, field, page.sentence(text))
			}
			if *update {
				require.NoError(t, os.WriteFile(page.file, []byte(before+begin+want.String()+end+after), 0o644))
				return
			}
			require.Equal(t, want.String(), table)
		})
	}
}

func TestEveryOutcomeIsWhole(t *testing.T) {
	names := map[string]bool{}
	for _, o := range allOutcomes() {
		name, _ := o.inDocs(docsLanguages[0])
		assert.False(t, names[name], "two rows are named %s", name)
		names[name] = true
		assert.NotEmpty(t, sentinelNames[o.sentinel], name)
		assert.NotZero(t, o.remedy, name)
		if o.billed {
			assert.Contains(t, []retry{never, onlyIfRequested}, o.retry, "%s may be billed twice", name)
		}
	}
	assert.Len(t, sentinelNames, 12)
	found := map[error]bool{}
	for _, o := range allOutcomes() {
		found[o.sentinel] = true
	}
	assert.Len(t, found, 12, "a sentinel that no outcome has")
}

// Whatever the answer is, it fits a row.
func FuzzEveryAnswerHasAnOutcome(f *testing.F) {
	f.Add(200, "402", "Security policy restriction")
	f.Add(0, "", "")
	f.Add(-1, "Throttling.", ".")
	f.Add(502, "200", "success")
	f.Fuzz(func(t *testing.T, status int, code, message string) {
		o := ofAnswer(status, code, message)
		require.NotNil(t, o)
		require.NotNil(t, (&APIError{StatusCode: status, Code: code, Message: message}).outcome().sentinel)
	})
}
