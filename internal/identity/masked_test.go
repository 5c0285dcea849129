package identity

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestMaskedFieldsMustHaveTheirShape(t *testing.T) {
	t.Run("the vendor's published shapes are accepted", func(t *testing.T) {
		_, problem := Number("42900132fa7bcd874161bea8ec8fd98f390ec98211", Masked, time.Now)
		require.Empty(t, problem)
	})
	t.Run("a name of one character has no rest", func(t *testing.T) {
		_, problem := Name(testMaskedName[:32], Masked)
		require.Empty(t, problem)
	})
	t.Run("the rest of a name may be as long as a name allows", func(t *testing.T) {
		masked, problem := MaskName(strings.Repeat("三", maxNameLen))
		require.Empty(t, problem)
		_, problem = Name(masked, Masked)
		require.Empty(t, problem)
	})

	t.Run("private use in the rest", func(t *testing.T) {
		sent, problem := Name(testMaskedName[:32]+"\uE863", Masked)
		require.Empty(t, problem)
		require.Equal(t, testMaskedName[:32]+"\uE863", sent)
	})

	t.Run("the rest of a name is folded as a name is", func(t *testing.T) {
		digest := testMaskedName[:32]
		for typed, want := range map[string]string{
			"⾼":             "高",
			"\uF9E1":        "李",
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
		} {
			sent, problem := Name("\ufeff"+digest+typed, Masked)
			require.Empty(t, problem, "%+q", typed)
			require.Equal(t, digest+want, sent)
			again, problem := Name(sent, Masked)
			require.Empty(t, problem)
			require.Equal(t, sent, again)
		}
	})
	t.Run("a number is folded as a number is", func(t *testing.T) {
		for _, typed := range []string{"\ufeff" + testMaskedNumber, testMaskedNumber[:41] + "Х", testMaskedNumber[:41] + "×", "\u200b" + testMaskedNumber + " "} {
			sent, problem := Number(typed, Masked, time.Now)
			require.Empty(t, problem)
			require.Equal(t, testMaskedNumber, sent)
		}
	})

	digest := testMaskedName[:32]
	for name, test := range map[string]refusal{
		"empty":                     {"", Empty},
		"a plaintext name":          {testName, MaskedFormat},
		"a plaintext number":        {testNumber, MaskedFormat},
		"a digest in capitals":      {strings.ToUpper(digest) + "三", MaskedFormat},
		"a digest with one capital": {"A" + digest[1:] + "三", MaskedFormat},
		"a digest one digit short":  {digest[1:] + "三", MaskedFormat},
		"a digest with a g":         {"g" + digest[1:] + "三", MaskedFormat},
		"digits in the rest":        {digest + "三3", Digits},
		"two digests":               {digest + digest, Digits},
		"GBK in the rest":           {digest + "\xc8\xfd", NotUTF8},
		"redacted in the rest":      {digest + "*", HiddenForDisplay},
		"a document in the rest":    {digest + strings.Repeat("三", maxNameLen+1), TooLong},
		"a masked number":           {testMaskedNumber, Swapped},
		"a note in the rest":        {digest + "三（已离职）", Note},
		"two dots in the rest":      {digest + "三··三", Dot},
		"a dot at the end":          {digest + "三·", Dot},
		"a full stop at the end":    {digest + "三.", Dot},
		"a lost character":          {digest + "?", LostCharacter},
		"a space and Latin":         {digest + "三 JOHN", TwoPeople},
	} {
		t.Run("UserName: "+name, func(t *testing.T) {
			sent, problem := Name(test.value, Masked)
			requireRefused(t, test.problem, UserName, test.value, sent, problem)
		})
	}

	area, birth := testMaskedNumber[:6], testMaskedNumber[6:38]
	for name, test := range map[string]refusal{
		"empty":                         {"", Empty},
		"a plaintext number":            {testNumber, MaskedFormat},
		"a plaintext name":              {testName, MaskedFormat},
		"the md5 of the whole number":   {birth, MaskedFormat},
		"a digest in capitals":          {area + strings.ToUpper(birth) + "002X", MaskedFormat},
		"a letter in the area":          {"a" + area[1:] + birth + "002X", MaskedFormat},
		"a digest one digit short":      {area + birth[1:] + "002X", MaskedFormat},
		"a digest with a g":             {area + "g" + birth[1:] + "002X", MaskedFormat},
		"a letter in the tail":          {area + birth + "0a2X", MaskedFormat},
		"another letter at the end":     {area + birth + "002Y", MaskedFormat},
		"a letter of ｘ's bytes, cut":    {area + birth + "002\xef", MaskedFormat},
		"one digit more":                {area + birth + "0023X", MaskedFormat},
		"a space inside":                {area + " " + birth + "002X", MaskedFormat},
		"a masked name":                 {testMaskedName, Swapped},
		"redacted":                      {"***", MaskedFormat},
		"a document that begins as one": {testMaskedNumber + strings.Repeat("1", 1<<20), TooLong},
	} {
		t.Run("IdentifyNum: "+name, func(t *testing.T) {
			sent, problem := Number(test.value, Masked, time.Now)
			requireRefused(t, test.problem, IdentifyNum, test.value, sent, problem)
		})
	}
}

func FuzzMaskName(f *testing.F) {
	f.Add(testName)
	f.Fuzz(func(t *testing.T, s string) {
		masked, problem := MaskName(s)
		normal, plainReason := Name(s, Plain)
		require.Equal(t, plainReason, problem)
		if problem != "" {
			require.Empty(t, masked)
			return
		}
		_, size := utf8.DecodeRuneInString(normal)
		require.Equal(t, fmt.Sprintf("%x", md5.Sum([]byte(normal[:size])))+normal[size:], masked)
		sent, problem := Name(masked, Masked)
		require.Empty(t, problem)
		require.Equal(t, masked, sent, "a masked name was changed")
	})
}

func FuzzMaskNumber(f *testing.F) {
	f.Add(testNumber)
	f.Fuzz(func(t *testing.T, s string) {
		masked, problem := MaskNumber(s, time.Now)
		num, plainReason := Number(s, Plain, time.Now)
		require.Equal(t, plainReason, problem)
		if problem != "" {
			require.Empty(t, masked)
			return
		}
		require.Len(t, num, 18)
		require.Equal(t, fmt.Sprintf("%s%x%s", num[:6], md5.Sum([]byte(num[6:14])), num[14:]), masked)
		sent, problem := Number(masked, Masked, time.Now)
		require.Empty(t, problem)
		require.Equal(t, masked, sent, "a masked number was changed")
	})
}
