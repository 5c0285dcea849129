package id2meta_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/identity"
)

var updateDocs = flag.Bool("update-docs", false, "write the table of problems into docs/personal-data.md")

// A constant with a word that no field ever gets would be a promise that is not kept.
func TestEveryConstantIsADocumentedProblem(t *testing.T) {
	for _, constant := range []id2meta.Problem{
		id2meta.ProblemEmpty, id2meta.ProblemSwapped, id2meta.ProblemLostCharacter, id2meta.ProblemHiddenForDisplay, id2meta.ProblemFirstGeneration,
		id2meta.ProblemSpreadsheetNumber, id2meta.ProblemBirthDate, id2meta.ProblemCheckDigit, id2meta.ProblemParamType,
	} {
		require.True(t, slices.ContainsFunc(identity.Texts(), func(text identity.Text) bool { return string(text.Problem) == string(constant) }), constant)
	}
}

func TestChineseNeedsOnlyFieldAndProblem(t *testing.T) {
	for _, test := range []struct {
		err  id2meta.ParamError
		want string
	}{
		{id2meta.ParamError{Field: "IdentifyNum", Problem: id2meta.ProblemCheckDigit}, "校验码不对，请核对身份证号。"},
		{id2meta.ParamError{Field: "IdentifyNum", Problem: id2meta.ProblemFirstGeneration}, "15 位号码请换成 18 位身份证号。"},
		{id2meta.ParamError{Field: "UserName", Problem: id2meta.ProblemSwapped}, "姓名和身份证号填反了。"},
		{id2meta.ParamError{Field: "UserName", Problem: id2meta.ProblemEmpty}, "请填写姓名。"},
		{id2meta.ParamError{Field: "ParamType", Problem: id2meta.ProblemParamType}, "系统设置有误，请联系客服。"},
		{id2meta.ParamError{Field: "UserName", Problem: "newer"}, "姓名填写有误，请核对。"},
		{id2meta.ParamError{Field: "IdentifyNum"}, "身份证号填写有误，请核对。"},
		{id2meta.ParamError{}, "请核对姓名和身份证号。"},
	} {
		require.Equal(t, test.want, test.err.Chinese())
	}
}

func ExampleParamError_Chinese() {
	for _, person := range []id2meta.Param{
		{UserName: "张○○", IdentifyNum: "11010519491231002X"},
		{UserName: "张三", IdentifyNum: "1.10105E+17"},
		{UserName: "11010519491231002X", IdentifyNum: "张三"},
	} {
		if paramErr, ok := person.Validate().(*id2meta.ParamError); ok {
			fmt.Println(paramErr.Field, paramErr.Problem, paramErr.Chinese())
		}
	}
	// Output:
	// UserName hidden_for_display 姓名有一部分被隐去了，请填写完整姓名。
	// IdentifyNum spreadsheet_number 身份证号的后几位被 Excel 等表格软件改掉了，请把单元格设为文本，再重新填写完整号码。
	// UserName swapped 姓名和身份证号填反了。
}

// docs/personal-data.md has the table of problems. To update the table, run
// go test -run TestTheDocumentedProblems . -update-docs
func TestTheDocumentedProblems(t *testing.T) {
	const page, begin, end = "docs/personal-data.md", "<!-- problems: begin -->\n", "<!-- problems: end -->\n"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	table, after, found := strings.Cut(rest, end)
	require.True(t, found)

	var want strings.Builder
	want.WriteString("| Problem | field | Reason | Chinese() |\n|---|---|---|---|\n")
	for _, text := range identity.Texts() {
		field := text.Field
		if field == "" {
			field = "both"
		}
		if text.Problem == "param_type" {
			field = "ParamType"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", text.Problem, field, text.Reason, text.Chinese)
	}
	if *updateDocs {
		require.NoError(t, os.WriteFile(page, []byte(before+begin+want.String()+end+after), 0o644))
		return
	}
	require.Equal(t, want.String(), table)
}
