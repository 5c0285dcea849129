package identity

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestEveryProblemIsExplainedInBothLanguages(t *testing.T) {
	type key struct {
		problem Problem
		field   string
	}
	seen := map[key]bool{}
	for _, text := range Texts() {
		t.Run(string(text.Problem)+" of "+text.Field, func(t *testing.T) {
			require.False(t, seen[key{text.Problem, text.Field}], "two texts")
			seen[key{text.Problem, text.Field}] = true
			require.Regexp(t, `^[a-z][a-z0-9_]*$`, string(text.Problem))
			require.Regexp(t, `^(it|the|a|an|its|digits) `, text.Reason)
			require.Regexp(t, `[^.]$`, text.Reason)
			require.Regexp(t, `。$`, text.Chinese)
			require.LessOrEqual(t, utf8.RuneCountInString(text.Chinese), 50, "a sentence for a form is short")
			for _, r := range text.Reason {
				require.Less(t, r, unicode.MaxASCII, "a reason is English")
			}
			for _, field := range []string{UserName, IdentifyNum} {
				if text.Field == "" || text.Field == field {
					require.Equal(t, text.Reason, Reason(field, text.Problem))
					require.Equal(t, text.Chinese, Chinese(field, text.Problem))
				}
			}
		})
	}
}

func TestTheSentenceCallsSupportForAMistakeOfTheProgram(t *testing.T) {
	for _, text := range Texts() {
		require.Equal(t, IsOfProgram(text.Problem), strings.HasSuffix(text.Chinese, "请联系客服。"), text.Problem)
	}
}

func TestAnUnknownProblemIsAGeneralSentenceAboutTheField(t *testing.T) {
	require.Equal(t, "姓名填写有误，请核对。", Chinese(UserName, "newer"))
	require.Equal(t, "身份证号填写有误，请核对。", Chinese(IdentifyNum, ""))
	require.Equal(t, "请核对姓名和身份证号。", Chinese("", Empty))
	require.Empty(t, Reason(UserName, "newer"))
}

// A sign that folding changes, or that is a letter, would never be looked up.
func TestEverySignIsFound(t *testing.T) {
	seen := map[rune]bool{}
	for _, sign := range signs {
		for _, r := range sign.characters {
			require.False(t, seen[r], "%U has two meanings", r)
			seen[r] = true
			require.Equal(t, r, foldCharacter(r), "%U", r)
			if r == ',' {
				continue // it may stand between Latin words
			}
			require.Equal(t, other, kindOf(r), "%U", r)
			_, problem := Name("张"+string(r)+"三", Plain)
			require.Equal(t, sign.problem, problem, "%U", r)
		}
	}
}
