package id2meta

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/id2meta/id2meta/internal/identity"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
