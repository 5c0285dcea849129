package identity

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// radicalsSupplement has each radical of U+2E80 to U+2EF3 that has an equivalent,
// and behind it the equivalent, as in EquivalentUnifiedIdeograph-15.0.0.txt.
const radicalsSupplement = "" +
	"⺁厂⺂乛⺃乚⺄乙⺅亻⺆冂⺇𠘨⺈刀⺉刂⺊卜⺋㔾⺌小⺍小⺎兀⺏尣⺐尢" +
	"⺑𡯂⺒巳⺓幺⺔彑⺕𫜹⺖忄⺗心⺘扌⺙攵⺛旡⺜日⺝月⺞歺⺟母⺠民⺡氵" +
	"⺢氺⺣灬⺤爫⺥爫⺦丬⺧牛⺨犭⺩王⺪𤴔⺫目⺬示⺭礻⺮𥫗⺯糹⺰纟⺱罓" +
	"⺲罒⺳㓁⺴冗⺵𦉫⺶羊⺷𦍌⺸𦍋⺹耂⺺肀⺻聿⺼肉⺽𦥑⺾艹⺿艹⻀艹⻁虎" +
	"⻂衤⻃覀⻄西⻅见⻆角⻇𧢲⻈讠⻉贝⻊𧾷⻋车⻌辶⻍辶⻎辶⻏邑⻐钅⻑長" +
	"⻒镸⻓长⻔门⻕𨸏⻖阝⻗雨⻘青⻙韦⻚页⻛风⻜飞⻝食⻞𩙿⻟飠⻠饣⻡𩠐" +
	"⻢马⻣骨⻤鬼⻥鱼⻦鸟⻧卤⻨麦⻩黄⻪黾⻫斉⻬齐⻭歯⻮齿⻯竜⻰龙⻱龜" +
	"⻲亀⻳龟"

const (
	// Ideographs of the compatibility block that are unified: nothing else spells them.
	unifiedInCompatibilityBlock = "\uFA0E\uFA0F\uFA11\uFA13\uFA14\uFA1F\uFA21\uFA23\uFA24\uFA27\uFA28\uFA29"
	// Compatibility ideographs with a code of their own in GBK.
	keptForGBK = "\uF92C\uF979\uF995\uF9E7\uF9F1\uFA0C\uFA0D\uFA18\uFA20"
)

// folds reports what every code point is folded to that package norm, the list
// above or Unicode's own file knows another spelling of.
func TestEveryRadicalIsFolded(t *testing.T) {
	t.Run("all 214 Kangxi radicals, as package norm has them", func(t *testing.T) {
		n := 0
		for r := rune(0x2F00); r <= 0x2FD5; r++ {
			requireFolds(t, r, norm.NFKC.String(string(r)))
			n++
		}
		require.Equal(t, 214, n)
	})
	t.Run("all of the radicals supplement that have an equivalent", func(t *testing.T) {
		pairs := []rune(radicalsSupplement)
		require.Len(t, pairs, 2*114)
		found := map[rune]bool{}
		for i := 0; i < len(pairs); i += 2 {
			requireFolds(t, pairs[i], string(pairs[i+1]))
			found[pairs[i]] = true
		}
		for r := rune(0x2E80); r <= 0x2EF3; r++ {
			if !found[r] {
				require.Equal(t, r, foldCharacter(r), "%U", r)
				_, problem := Name("三"+string(r), Plain)
				require.NotEmpty(t, problem, "%U is sent", r)
			}
		}
	})
	t.Run("as Unicode's file has it, where Debian's unicode-data is installed", func(t *testing.T) {
		file, err := os.Open("/usr/share/unicode/EquivalentUnifiedIdeograph.txt")
		if os.IsNotExist(err) {
			t.Log("it is not installed; the checks above have the same facts")
			return
		}
		require.NoError(t, err)
		defer file.Close()
		n := 0
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var first, last, to rune
			line := lines.Text()
			if _, err := fmt.Sscanf(line, "%X..%X ; %X", &first, &last, &to); err != nil {
				if _, err := fmt.Sscanf(line, "%X ; %X", &first, &to); err != nil {
					continue
				}
				last = first
			}
			for r := first; r <= last && r <= 0x2FD5; r++ { // the strokes behind are no radicals
				requireFolds(t, r, string(to))
				n++
			}
		}
		require.Equal(t, 214+114, n)
	})
}

func requireFolds(t *testing.T, r rune, want string) {
	t.Helper()
	require.Equal(t, want, string(foldCharacter(r)), "%U", r)
	require.Equal(t, want, string(foldCharacter([]rune(want)[0])), "what %U is folded to is folded again", r)
	sent, problem := Name(string(r)+"三", Plain)
	require.Empty(t, problem, "%U", r)
	require.Equal(t, want+"三", sent, "%U", r)
	masked, problem := Name(testMaskedName[:32]+string(r), Masked)
	require.Empty(t, problem, "%U", r)
	require.Equal(t, testMaskedName[:32]+want, masked, "%U in the rest of a masked name", r)
}

func TestEveryCompatibilityIdeographIsFolded(t *testing.T) {
	decomposed, folded := 0, 0
	for r := rune(0x2E80); r <= unicode.MaxRune; r++ {
		isCompatibility := 0xF900 <= r && r <= 0xFAFF || 0x2F800 <= r && r <= 0x2FA1F
		canonical := norm.NFD.String(string(r))
		switch {
		case isCompatibility && canonical != string(r) && strings.ContainsRune(keptForGBK, r):
			decomposed++
			require.Equal(t, r, foldCharacter(r), "%U", r)
		case isCompatibility && canonical != string(r):
			decomposed++
			folded++
			requireFolds(t, r, canonical)
		case isCompatibility:
			require.Equal(t, r, foldCharacter(r), "%U", r)
		}
	}
	require.Equal(t, 1002, decomposed)
	require.Equal(t, 1002-9, folded)
}

func TestWhichIdeographsStay(t *testing.T) {
	require.Len(t, []rune(unifiedInCompatibilityBlock), 12)
	require.Len(t, []rune(keptForGBK), 9)
	for _, r := range unifiedInCompatibilityBlock + keptForGBK + "\uE000\uE863\uF8FF\U000F0000\U0010FFFD" {
		t.Run(strconv.QuoteRuneToASCII(r), func(t *testing.T) {
			sent, problem := Name("王"+string(r), Plain)
			require.Empty(t, problem)
			require.Equal(t, "王"+string(r), sent)
		})
	}
}

// Nothing else that has a meaning is changed: every code point is asked.
func TestOnlyWhatIsDocumentedIsFolded(t *testing.T) {
	for r := rune(0x21); r <= unicode.MaxRune; r++ {
		if got := foldCharacter(r); got != r {
			isExpected := got == -1 || got == ' ' || got == '-' || got == '\'' || '！' <= r && r <= '～' ||
				0x2E80 <= r && r <= 0x2FD5 || 0xF900 <= r && r <= 0xFAD9 || 0x2F800 <= r && r <= 0x2FA1D
			require.True(t, isExpected, "%U is folded to %U", r, got)
			if got > 0 {
				require.Equal(t, got, foldCharacter(got), "%U is folded twice", r)
			}
		}
	}
}

// The property as Unicode publishes it, where Debian's unicode-data is installed.
func TestWhatCannotBeSeenIsUnicodesProperty(t *testing.T) {
	// What Go's tables and Unicode's must agree on in any case.
	for _, r := range "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200f\u202a\u202e\u2060\u2064\u2065\u206f\u3164\ufe00\ufe0f\ufeff\uffa0\ufff0\U0001bca0\U0001d173\U000e0000\U000e0fff" {
		require.True(t, isUnseen(r), "%U", r)
	}
	for _, r := range " a三\u00a0\u0600\u06dd\ufff9\ufffb\ufffd\ue863\U00013430" {
		require.False(t, isUnseen(r), "%U", r)
	}
	text, err := os.ReadFile("/usr/share/unicode/DerivedCoreProperties.txt")
	if os.IsNotExist(err) {
		t.Log("it is not installed; the checks above are all")
		return
	}
	require.NoError(t, err)
	want := map[rune]bool{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		points, property, _ := strings.Cut(line, ";")
		if strings.TrimSpace(property) != "Default_Ignorable_Code_Point" {
			continue
		}
		first, last, isRange := strings.Cut(strings.TrimSpace(points), "..")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseInt(first, 16, 32)
		require.NoError(t, err)
		to, err := strconv.ParseInt(last, 16, 32)
		require.NoError(t, err)
		for r := from; r <= to; r++ {
			want[rune(r)] = true
		}
	}
	require.Len(t, want, 4174)
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if want[r] != isUnseen(r) {
			require.Equal(t, want[r], isUnseen(r), "%U", r)
		}
	}
}
