package main

import (
	"strings"
	"testing"
)

func TestGB18030(t *testing.T) {
	for name, c := range map[string]struct{ encoded, want string }{
		"ASCII":                                                  {"name,1", "name,1"},
		"ordinary ideographs":                                    {"\xD5\xC5\xC8\xFD", "张三"},
		"four bytes":                                             {"\x95\x32\x82\x36", "𠀀"},
		"the first code of zone 1":                               {"\xAA\xA1", "\uE000"},
		"the last code of zone 1":                                {"\xAF\xFE", "\uE233"},
		"the first code of zone 2":                               {"\xF8\xA1", "\uE234"},
		"the last code of zone 2":                                {"\xFE\xFE", "\uE4C5"},
		"the first code of zone 3":                               {"\xA1\x40", "\uE4C6"},
		"the last code before the gap at 7F":                     {"\xA1\x7E", "\uE504"},
		"the first code after the gap at 7F":                     {"\xA1\x80", "\uE505"},
		"the last code of zone 3":                                {"\xA7\xA0", "\uE765"},
		"an ideograph that x/text misses":                        {"\xFE\x59", "\u9FB4"},
		"another one, outside the BMP":                           {"\xFE\x51", "\U00020087"},
		"a gap among the symbols":                                {"\xA2\xAB", "\uE766"},
		"the end of the level-1 ideographs":                      {"\xD7\xFE", "\uE814"},
		"between ordinary ones":                                  {"\xD5\xC5\xAA\xA1\xC8\xFD", "张\uE000三"},
		"one after the other":                                    {"\xAA\xA1\xF8\xA1,1", "\uE000\uE234,1"},
		"four bytes that begin like zone 3":                      {"\x95\x32\xA1\x30\xAA\xA1", "\U00020130\uE000"},
		"a code without its second half":                         {"\xAA1,\xAA\xA1", "\uFFFD1,\uE000"},
		"a byte that is no trail byte, one that is no lead byte": {"\xA1\x7F\xFF\xAA\xA1", "\uFFFD\x7F\uFFFD\uE000"},
		"a damaged byte":                                         {"\xFF", "\uFFFD"},
		"half a character at the end":                            {"\xD5\xC5\xAA", "张\uFFFD"},
		"nothing":                                                {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(decodeGB18030([]byte(c.encoded))); got != c.want {
				t.Errorf("%+q; want %+q", got, c.want)
			}
		})
	}
}

func TestEveryTwoByteCodeIsACharacter(t *testing.T) {
	seen := map[string]bool{}
	for lead := 0x81; lead <= 0xFE; lead++ {
		for trail := 0x40; trail <= 0xFE; trail++ {
			if trail == 0x7F {
				continue
			}
			got := string(decodeGB18030([]byte{byte(lead), byte(trail)}))
			if strings.ContainsRune(got, '\uFFFD') || len([]rune(got)) != 1 || seen[got] {
				t.Errorf("%X%X: %+q", lead, trail, got)
			}
			seen[got] = true
		}
	}
}
