package identity

import (
	"iter"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// Ideographs of the compatibility block that are unified: nothing else spells them.
const unifiedInCompatibilityBlock = "\uFA0E\uFA0F\uFA11\uFA13\uFA14\uFA1F\uFA21\uFA23\uFA24\uFA27\uFA28\uFA29"

func TestEveryRadicalAndCompatibilityIdeographIsFolded(t *testing.T) {
	pairs := []rune(radicals)
	require.Len(t, pairs, 2*114)
	want := map[rune]string{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i]] = string(pairs[i+1])
	}
	for r := rune(0x2F00); r <= 0x2FD5; r++ {
		want[r] = norm.NFKC.String(string(r))
	}
	require.Len(t, want, 114+214, "the radicals")
	for r := range unicode.MaxRune {
		isCompatibility := 0xF900 <= r && r <= 0xFAFF || 0x2F800 <= r && r <= 0x2FA1F
		if canonical := norm.NFD.String(string(r)); isCompatibility && canonical != string(r) && !strings.ContainsRune(keptForGBK, r) {
			want[r] = canonical
		}
	}
	require.Len(t, want, 114+214+1002-9, "the radicals and the compatibility ideographs without those of GBK")

	for r, want := range want {
		require.Equal(t, want, string(foldCharacter(r)), "%U", r)
		require.Equal(t, want, string(foldCharacter([]rune(want)[0])), "what %U is folded to is folded again", r)
		sent, problem := Name(string(r)+"三", Plain)
		require.Empty(t, problem, "%U", r)
		require.Equal(t, want+"三", sent, "%U", r)
		sent, problem = Name(testMaskedName[:32]+string(r), Masked)
		require.Empty(t, problem, "%U", r)
		require.Equal(t, testMaskedName[:32]+want, sent, "%U in the rest of a masked name", r)
	}
	// Nothing else that has a meaning is changed.
	for r := rune(0x21); r <= unicode.MaxRune; r++ {
		got := foldCharacter(r)
		if want[r] == "" && got != r {
			require.True(t, got == -1 || got == ' ' || got == '-' || got == '\'' || '！' <= r && r <= '～', "%U is folded to %U", r, got)
			require.True(t, got == -1 || got == foldCharacter(got), "%U is folded twice", r)
		}
	}
}

func TestARadicalWithoutAnIdeographIsRefused(t *testing.T) {
	for r := rune(0x2E80); r <= 0x2EF3; r++ {
		if foldCharacter(r) == r {
			_, problem := Name("三"+string(r), Plain)
			require.NotEmpty(t, problem, "%U is sent", r)
		}
	}
}

func TestWhichIdeographsStay(t *testing.T) {
	require.Len(t, []rune(unifiedInCompatibilityBlock), 12)
	require.Len(t, []rune(keptForGBK), 9)
	for _, r := range unifiedInCompatibilityBlock + keptForGBK + "\uE000\uE863\uF8FF\U000F0000\U0010FFFD" {
		sent, problem := Name("王"+string(r), Plain)
		require.Empty(t, problem, "%U", r)
		require.Equal(t, "王"+string(r), sent, "%U", r)
	}
}

func TestWhatCannotBeSeen(t *testing.T) {
	for _, r := range "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200f\u202a\u202e\u2060\u2064\u2065\u206f\u3164\ufe00\ufe0f\ufeff\uffa0\ufff0\U0001bca0\U0001d173\U000e0000\U000e0fff" {
		require.True(t, isUnseen(r), "%U", r)
	}
	for _, r := range " a三\u00a0\u0600\u06dd\ufff9\ufffb\ufffd\ue863\U00013430" {
		require.False(t, isUnseen(r), "%U", r)
	}
}

// The facts as Unicode publishes them, where Debian's package unicode-data is installed.
func TestTheTablesAreThoseOfUnicode(t *testing.T) {
	if _, err := os.Stat("/usr/share/unicode"); err != nil {
		t.Skip("unicode-data is not installed; the other tests have the most important facts")
	}
	n := 0
	for r, ideograph := range unicodeData(t, "EquivalentUnifiedIdeograph.txt") {
		if r <= 0x2FD5 { // the strokes behind are no radicals
			require.Equal(t, codePoint(t, ideograph), foldCharacter(r), "%U", r)
			n++
		}
	}
	require.Equal(t, 114+214, n)

	isIgnorable := map[rune]bool{}
	for r, property := range unicodeData(t, "DerivedCoreProperties.txt") {
		if property == "Default_Ignorable_Code_Point" {
			isIgnorable[r] = true
		}
	}
	require.Len(t, isIgnorable, 4174)
	for r := range unicode.MaxRune {
		if isIgnorable[r] != isUnseen(r) {
			require.Equal(t, isIgnorable[r], isUnseen(r), "%U", r)
		}
	}
}

// unicodeData yields each code point in a file of the Unicode Character Database, and the
// property of the code point.
func unicodeData(t *testing.T, file string) iter.Seq2[rune, string] {
	text, err := os.ReadFile("/usr/share/unicode/" + file)
	require.NoError(t, err)
	return func(yield func(rune, string) bool) {
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			points, property, found := strings.Cut(line, ";")
			if !found {
				continue
			}
			first, last, isRange := strings.Cut(strings.TrimSpace(points), "..")
			if !isRange {
				last = first
			}
			for r := codePoint(t, first); r <= codePoint(t, last); r++ {
				if !yield(r, strings.TrimSpace(property)) {
					return
				}
			}
		}
	}
}

func codePoint(t *testing.T, hex string) rune {
	n, err := strconv.ParseInt(hex, 16, 32)
	require.NoError(t, err)
	return rune(n)
}
