package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names made of common surnames and given names, in UTF-8 that was read as Latin-1 or
// as Windows-1252.
func TestUTF8ThatWasReadInAnotherEncodingIsRefused(t *testing.T) {
	for _, surname := range strings.Split("王 李 张 刘 陈 杨 黄 赵 吴 周 欧阳", " ") {
		for _, given := range strings.Split("伟 芳 娜 敏 静 丽 强 磊 军 洋 建国 秀英 子涵", " ") {
			name := surname + given
			for encoding, r := range map[string]func(byte) rune{
				"Latin-1": func(octet byte) rune { return rune(octet) },
				"Windows-1252": func(octet byte) rune {
					if r := []rune(windows1252)[max(octet, 0x80)%0x20]; 0x80 <= octet && octet < 0xA0 && r != ' ' {
						return r
					}
					return rune(octet)
				},
			} {
				var read strings.Builder
				for _, octet := range []byte(name) {
					read.WriteRune(r(octet))
				}
				_, problem := Name(read.String(), Plain)
				require.Equal(t, LostCharacter, problem, "%s as %s", name, encoding)
			}
		}
	}
}

// A pair of GBK whose second octet is ASCII may also be two letters of a name.
func TestWhichLettersAreGBK(t *testing.T) {
	for _, name := range []string{"Öz", "Éléa", "ÉÉA", "Åsa", "Ðýa", "Zoë", "Ý", "É", "ŒUVRE"} {
		require.False(t, isMojibake(name), name)
	}
	for _, name := range []string{"ÕÅÈý", "Öì", "ÖìéF»ù", "\u0081@ÕÅ", "þþ"} {
		require.True(t, isMojibake(name), name)
	}
}
