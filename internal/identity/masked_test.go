package identity

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheRestOfAMaskedNameIsFoldedAsANameIs(t *testing.T) {
	digest := testMaskedName[:32]
	for typed, want := range map[string]string{
		"":              "", // a name of one character
		"⾼":             "高",
		"\uF9E1":        "李",
		"\uE863":        "\uE863",
		" 三":            "三",
		"三 三":           "三三",
		"三\t三":          "三三",
		"\u200b三\ufeff": "三",
		"三●三":           "三·三",
		" · 三":          "·三",
		" ＳＭＩＴＨ":        " SMITH", // of A SMITH
		" \u00a0SMITH":  " SMITH",
		".三":            ".三", // of J.三 or of 李·三: nobody knows
		"姓名":            "姓名", // of 张姓名
		"ull":           "ull",
		"ÉÉ":            "ÉÉ", // of AÉÉ
		"•三":            "·三", // as MD5Param sends it
		"●A":            "·A",
		"三ニ":            "三二",
		"カ":             "カ", // of アカ
		".":             ".", // of J.
		"'NEILL":        "'NEILL",
		"\u0301":        "\u0301",

		strings.Repeat("三", maxNameLen): strings.Repeat("三", maxNameLen),
	} {
		sent, problem := Name("\ufeff"+digest+typed, Masked)
		require.Empty(t, problem, "%+q", typed)
		require.Equal(t, digest+want, sent)
		requireProperties(t, UserName, Name, sent)
	}
}

func TestAMaskedNumberIsFoldedAsANumberIs(t *testing.T) {
	for _, typed := range []string{testMaskedNumber, "\ufeff" + testMaskedNumber, testMaskedNumber[:41] + "Х", testMaskedNumber[:41] + "×", "\u200b" + testMaskedNumber + " "} {
		sent, problem := Number(typed, Masked, time.Now)
		require.Empty(t, problem)
		require.Equal(t, testMaskedNumber, sent)
	}
	_, problem := Number("42900132fa7bcd874161bea8ec8fd98f390ec98211", Masked, time.Now)
	require.Empty(t, problem, "the shape that the vendor published")
}

func TestMaskedFieldsMustHaveTheirShape(t *testing.T) {
	digest := testMaskedName[:32]
	for problem, values := range map[Problem][]string{
		Empty: {""},
		// Capitals in the digest, a digit too few, a g.
		MaskedFormat:     {testName, testNumber, strings.ToUpper(digest) + "三", "A" + digest[1:] + "三", digest[1:] + "三", "g" + digest[1:] + "三"},
		Digits:           {digest + "三3", digest + digest},
		NotUTF8:          {digest + "\xc8\xfd"},
		HiddenForDisplay: {digest + "*"},
		TooLong:          {digest + strings.Repeat("三", maxNameLen+1)},
		Swapped:          {testMaskedNumber},
		Note:             {digest + "三（已离职）"},
		Dot:              {digest + "三··三", digest + "三·", digest + "三."},
		LostCharacter:    {digest + "?"},
		TwoPeople:        {digest + "三 JOHN"},
	} {
		for _, value := range values {
			t.Run("UserName: "+string(problem)+": "+value, func(t *testing.T) {
				sent, got := Name(value, Masked)
				requireRefused(t, problem, UserName, value, sent, got)
			})
		}
	}

	area, birth := testMaskedNumber[:6], testMaskedNumber[6:38]
	for problem, values := range map[Problem][]string{
		Empty: {""},
		// The md5 of the whole number, capitals, other characters, a digit too few or too many, the first byte of ｘ.
		MaskedFormat: {testNumber, testName, birth, area + strings.ToUpper(birth) + "002X", "a" + area[1:] + birth + "002X", area + birth[1:] + "002X",
			area + "g" + birth[1:] + "002X", area + birth + "0a2X", area + birth + "002Y", area + birth + "002\xef", area + birth + "0023X", area + " " + birth + "002X", "***"},
		Swapped: {testMaskedName},
		TooLong: {testMaskedNumber + strings.Repeat("1", 1<<20)},
	} {
		for _, value := range values {
			t.Run("IdentifyNum: "+string(problem)+": "+value[:min(len(value), 50)], func(t *testing.T) {
				sent, got := Number(value, Masked, time.Now)
				requireRefused(t, problem, IdentifyNum, value, sent, got)
			})
		}
	}
}
