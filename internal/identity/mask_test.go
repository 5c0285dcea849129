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
		_, reason := Number("42900132fa7bcd874161bea8ec8fd98f390ec98211", Masked, time.Now)
		require.Empty(t, reason)
	})
	t.Run("a name of one character has no rest", func(t *testing.T) {
		_, reason := Name(testMaskedName[:32], Masked)
		require.Empty(t, reason)
	})
	t.Run("the rest of a name may be as long as a name allows", func(t *testing.T) {
		masked, reason := MaskName(strings.Repeat("三", maxNameLen))
		require.Empty(t, reason)
		_, reason = Name(masked, Masked)
		require.Empty(t, reason)
	})

	t.Run("private use in the rest", func(t *testing.T) {
		sent, reason := Name(testMaskedName[:32]+"\uE863", Masked)
		require.Empty(t, reason)
		require.Equal(t, testMaskedName[:32]+"\uE863", sent)
	})

	digest := testMaskedName[:32]
	for name, test := range map[string]struct{ value, reason string }{
		"empty":                     {"", reasonEmpty},
		"a plaintext name":          {testName, reasonNotMaskedName},
		"a plaintext number":        {testNumber, reasonNotMaskedName},
		"a digest in capitals":      {strings.ToUpper(digest) + "三", reasonNotMaskedName},
		"a digest with one capital": {"A" + digest[1:] + "三", reasonNotMaskedName},
		"a digest one digit short":  {digest[1:] + "三", reasonNotMaskedName},
		"a digest with a g":         {"g" + digest[1:] + "三", reasonNotMaskedName},
		"digits in the rest":        {digest + "三3", reasonDigits},
		"two digests":               {digest + digest, reasonDigits},
		"a zero-width space":        {digest + "\u200b三", reasonHidden},
		"a byte order mark":         {"\ufeff" + digest + "三", reasonNotMaskedName},
		"GBK in the rest":           {digest + "\xc8\xfd", reasonNotUTF8},
		"redacted in the rest":      {digest + "*", reasonStars},
		"a tab in the rest":         {digest + "三\t三", reasonSpace},
		"a document in the rest":    {digest + strings.Repeat("三", maxNameLen+1), reasonLong},
		"a masked number":           {testMaskedNumber, reasonIsNumber},
	} {
		t.Run("UserName: "+name, func(t *testing.T) {
			sent, reason := Name(test.value, Masked)
			requireRefused(t, test.reason, test.value, sent, reason)
		})
	}

	area, birth := testMaskedNumber[:6], testMaskedNumber[6:38]
	for name, test := range map[string]struct{ value, reason string }{
		"empty":                         {"", reasonEmpty},
		"a plaintext number":            {testNumber, reasonNotMaskedNumber},
		"a plaintext name":              {testName, reasonNotMaskedNumber},
		"the md5 of the whole number":   {birth, reasonNotMaskedNumber},
		"a digest in capitals":          {area + strings.ToUpper(birth) + "002X", reasonNotMaskedNumber},
		"a letter in the area":          {"a" + area[1:] + birth + "002X", reasonNotMaskedNumber},
		"a digest one digit short":      {area + birth[1:] + "002X", reasonNotMaskedNumber},
		"a digest with a g":             {area + "g" + birth[1:] + "002X", reasonNotMaskedNumber},
		"a letter in the tail":          {area + birth + "0a2X", reasonNotMaskedNumber},
		"another letter at the end":     {area + birth + "002Y", reasonNotMaskedNumber},
		"a letter of ｘ's bytes, cut":    {area + birth + "002\xef", reasonNotMaskedNumber},
		"one digit more":                {area + birth + "0023X", reasonNotMaskedNumber},
		"a space inside":                {area + " " + birth + "002X", reasonNotMaskedNumber},
		"a masked name":                 {testMaskedName, reasonIsName},
		"redacted":                      {"***", reasonNotMaskedNumber},
		"a document that begins as one": {testMaskedNumber + strings.Repeat("1", 1<<20), reasonNotMaskedNumber},
	} {
		t.Run("IdentifyNum: "+name, func(t *testing.T) {
			sent, reason := Number(test.value, Masked, time.Now)
			requireRefused(t, test.reason, test.value, sent, reason)
		})
	}
}

func FuzzMaskName(f *testing.F) {
	f.Add(testName)
	f.Fuzz(func(t *testing.T, s string) {
		masked, reason := MaskName(s)
		normal, plainReason := Name(s, Plain)
		require.Equal(t, plainReason, reason)
		if reason != "" {
			require.Empty(t, masked)
			return
		}
		_, size := utf8.DecodeRuneInString(normal)
		require.Equal(t, fmt.Sprintf("%x", md5.Sum([]byte(normal[:size])))+normal[size:], masked)
		sent, reason := Name(masked, Masked)
		require.Empty(t, reason)
		require.Equal(t, masked, sent, "a masked name was changed")
	})
}

func FuzzMaskNumber(f *testing.F) {
	f.Add(testNumber)
	f.Fuzz(func(t *testing.T, s string) {
		masked, reason := MaskNumber(s, time.Now)
		num, plainReason := Number(s, Plain, time.Now)
		require.Equal(t, plainReason, reason)
		if reason != "" {
			require.Empty(t, masked)
			return
		}
		require.Len(t, num, 18)
		require.Equal(t, fmt.Sprintf("%s%x%s", num[:6], md5.Sum([]byte(num[6:14])), num[14:]), masked)
		sent, reason := Number(masked, Masked, time.Now)
		require.Empty(t, reason)
		require.Equal(t, masked, sent, "a masked number was changed")
	})
}
