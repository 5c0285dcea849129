package id2meta_test

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/internal/identity"
)

// What zhangName and zhangNumber may look like encrypted. Nobody has the key: the
// root package looks at the shape alone.
var (
	testEncryptedName   = cipherText(0x04, 97+len(zhangName))
	testEncryptedNumber = cipherText(0x04, 97+len(zhangNumber))
)

// cipherText is the Base64 of n bytes, of which only the first means anything.
func cipherText(first byte, n int) string {
	return base64.StdEncoding.EncodeToString(append([]byte{first}, bytes.Repeat([]byte{0xfb, 0xef}, n/2+1)[:n-1]...))
}

// requireParamError checks the error and that nothing of value is in it.
func requireParamError(t *testing.T, err error, field string, problem id2meta.Problem, reason, value string) {
	t.Helper()
	require.Error(t, err)
	var paramErr *id2meta.ParamError
	require.ErrorAs(t, err, &paramErr)
	require.ErrorIs(t, err, id2meta.ErrInvalidParam)
	assert.Equal(t, id2meta.ParamError{Field: field, Problem: problem, Reason: reason}, *paramErr)
	assert.Equal(t, "id2meta: invalid "+field+": "+reason, err.Error())
	runes := []rune(strings.ToValidUTF8(value, ""))
	for i := 0; i+3 <= min(len(runes), 1000); i++ {
		assert.NotContains(t, err.Error(), string(runes[i:i+3]), "a part of the value is in the error")
	}
}

func TestNormalizeReturnsWhatIsSent(t *testing.T) {
	person := id2meta.Param{id2meta.ParamTypeNormal, zhangName, zhangNumber}
	masked := id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber}
	encrypted := id2meta.Param{id2meta.ParamTypeSM2, testEncryptedName, testEncryptedNumber}
	for name, test := range map[string]struct{ in, want id2meta.Param }{
		"a normal Param stays as it is":         {person, person},
		"the zero ParamType becomes normal":     {id2meta.Param{"", zhangName, zhangNumber}, person},
		"what looks the same is the same":       {id2meta.Param{"", "\ufeff 张\u3000三\r\n", "１１０１０５-19491231-002ｘ"}, person},
		"a masked Param stays as it is":         {masked, masked},
		"a masked Param is folded":              {id2meta.Param{id2meta.ParamTypeMD5, " " + maskedZhangName + "\u200b", "\t" + maskedZhangNumber[:41] + "Х"}, masked},
		"an encrypted Param stays as it is":     {encrypted, encrypted},
		"spaces around ciphertexts are removed": {id2meta.Param{id2meta.ParamTypeSM2, " " + testEncryptedName + "\u3000", "\t" + testEncryptedNumber + "\r\n"}, encrypted},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.in.Normalize()
			require.NoError(t, err)
			if got != test.want { // Equal would print the redacted form
				t.Fatalf("got %q %q %q", got.ParamType, got.UserName, got.IdentifyNum)
			}
			again, err := got.Normalize()
			require.NoError(t, err)
			require.True(t, again == got, "to normalize twice changed something")
			require.NoError(t, test.in.Validate())
		})
	}
}

func ExampleDisplayUserName() {
	fmt.Println(id2meta.DisplayUserName("张三"), id2meta.DisplayUserName("欧阳娜娜"))
	// Output: 张* 欧***
}

func ExampleDisplayIdentifyNum() {
	fmt.Println(id2meta.DisplayIdentifyNum("11010519491231002X"))
	// Output: 110105********002X
}

// What is refused and why is the matter of internal/identity. Here is that its
// reason reaches the caller, with the field.
func TestARefusalNamesTheFieldAndTheReason(t *testing.T) {
	const digits, checkDigit = "it contains digits, which the service does not accept in a name", "the check digit is wrong"
	const paramType, notEncrypted = `it must be "normal", "md5" or "sm2"`, "it is not encrypted; package sm2param encrypts plaintext"
	for name, test := range map[string]struct {
		param   id2meta.Param
		field   string
		problem id2meta.Problem
		reason  string
	}{
		"an unknown ParamType":       {id2meta.Param{"MD5", zhangName, zhangNumber}, "ParamType", id2meta.ProblemParamType, paramType},
		"a person for the ParamType": {id2meta.Param{zhangNumber, zhangName, zhangNumber}, "ParamType", id2meta.ProblemParamType, paramType},
		"the name comes first":       {id2meta.Param{}, "UserName", id2meta.ProblemEmpty, "it is empty"},
		"a number that is not there": {id2meta.Param{UserName: zhangName}, "IdentifyNum", id2meta.ProblemEmpty, "it is empty"},
		"a normal name":              {id2meta.Param{"", "张三3", zhangNumber}, "UserName", "digits", digits},
		"a normal number":            {id2meta.Param{"", zhangName, "110105194912310021"}, "IdentifyNum", id2meta.ProblemCheckDigit, checkDigit},
		"born after today":           {id2meta.Param{"", zhangName, "110105209912310029"}, "IdentifyNum", "future_birth_date", "the birth date is in the future"},
		"swapped":                    {id2meta.Param{"", zhangNumber, zhangName}, "UserName", id2meta.ProblemSwapped, "it is an ID number (UserName and IdentifyNum seem to be swapped)"},
		"a masked name":              {id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName + "3", maskedZhangNumber}, "UserName", "digits", digits},
		"a masked number": {id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName, zhangNumber}, "IdentifyNum", "masked_format",
			"it must be 6 digits, the md5 of the birth date (32 lower-case hex digits), 3 digits and a digit or X; MD5Param makes it from plaintext"},
		"an encrypted name":   {id2meta.Param{id2meta.ParamTypeSM2, zhangName, testEncryptedNumber}, "UserName", "not_encrypted", notEncrypted},
		"an encrypted number": {id2meta.Param{id2meta.ParamTypeSM2, testEncryptedName, zhangNumber}, "IdentifyNum", "not_encrypted", notEncrypted},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.param.Normalize()
			requireParamError(t, err, test.field, test.problem, test.reason, test.param.UserName+test.param.IdentifyNum)
			require.True(t, got == id2meta.Param{}, "there is a Param beside the error")
			require.Equal(t, err, test.param.Validate())
			if test.param.ParamType != "" {
				return
			}
			got, err = id2meta.MD5Param(test.param.UserName, test.param.IdentifyNum)
			requireParamError(t, err, test.field, test.problem, test.reason, test.param.UserName+test.param.IdentifyNum)
			require.True(t, got == id2meta.Param{}, "there is a Param beside the error")
		})
	}
}

// The Redactor, for example, works with the given name, so its work would grow with it.
func TestALongFieldIsRefusedBeforeAnythingElse(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	long := strings.Repeat(" ", 300_000)
	_, err := client.Verify(t.Context(), id2meta.Param{UserName: "张" + long + "三", IdentifyNum: zhangNumber})
	requireParamError(t, err, "UserName", "too_long", "it is longer than any name", "")
	_, err = client.Verify(t.Context(), id2meta.Param{UserName: zhangName, IdentifyNum: zhangNumber + long})
	requireParamError(t, err, "IdentifyNum", "too_long", "it is longer than any number", zhangNumber)
	require.Empty(t, server.Calls())
}

// requireNoPerson fails if text shows any part of the test person, in plain, in
// hex, as bytes or escaped.
func requireNoPerson(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{zhangName, zhangNumber, maskedZhangName, maskedZhangNumber, testEncryptedName, testEncryptedNumber} {
		for _, form := range []string{"%s", "%x", "%X", "% x", "%d", "%+q"} {
			shown := strings.Trim(fmt.Sprintf(form, []byte(secret)), `[]"`)
			if form == "%+q" {
				shown = strings.Trim(fmt.Sprintf(form, secret), `"`)
			}
			// The first half is enough to be a leak.
			require.NotContains(t, text, shown[:len(shown)/2])
		}
	}
	require.NotContains(t, text, "三")
}

func TestNothingShowsThePerson(t *testing.T) {
	type exported struct {
		Inner   id2meta.Param
		Pointer *id2meta.Param
	}
	logged := func(newHandler func(io.Writer) slog.Handler) func(any) string {
		return func(value any) string {
			var out bytes.Buffer
			slog.New(newHandler(&out)).With("with", value).Info("m", "value", value)
			return out.String()
		}
	}
	ways := map[string]func(value any) string{
		"fmt.Sprint":   func(value any) string { return fmt.Sprint(value, value) },
		"fmt.Sprintln": func(value any) string { return fmt.Sprintln(value) },
		"fmt.Errorf":   func(value any) string { return fmt.Errorf("verify: %v", value).Error() },
		"slog as text": logged(func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }),
		"slog as JSON": logged(func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }),
		"JSON":         func(value any) string { out, err := json.Marshal(value); return fmt.Sprint(string(out), err) },
		"XML":          func(value any) string { out, err := xml.Marshal(value); return fmt.Sprint(string(out), err) }, // XML has no maps
	}
	for _, verb := range []string{
		"%v", "%+v", "%#v", "%s", "%+s", "%#s", "%q", "%+q", "%#q", "%x", "% x", "%#x", "%X", "%d", "%o", "%b",
		"%c", "%U", "%e", "%g", "%t", "%5v", "%-40v", "%.1v", "%010d", "%z",
		"a format without a verb, after which fmt prints the argument all the same",
	} {
		ways[verb] = func(value any) string { return fmt.Sprintf(verb, value) }
	}
	for _, param := range []id2meta.Param{
		{id2meta.ParamTypeNormal, zhangName, zhangNumber},
		{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber},
		{id2meta.ParamTypeSM2, testEncryptedName, testEncryptedNumber},
		{zhangName, zhangNumber, "normal"}, // three strings in the wrong order
		{id2meta.ParamType(zhangNumber), zhangName, zhangNumber},
	} {
		for name, value := range map[string]any{
			"value":   param,
			"pointer": &param,
			"slice":   []id2meta.Param{param},
			"array":   [1]id2meta.Param{param},
			"map":     map[string]id2meta.Param{"a": param},
			"map key": map[id2meta.Param]bool{param: true},
			"struct":  exported{param, &param},
			"any":     []any{param, &param},
		} {
			for way, show := range ways {
				t.Run(way+" of a "+name, func(t *testing.T) { requireNoPerson(t, show(value)) })
			}
		}
	}
}

func TestWhatIsShownHelpsToFindAMistake(t *testing.T) {
	full := id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber}
	noNumber := id2meta.Param{UserName: zhangName}
	encoded := func(out []byte, err error) string { require.NoError(t, err); return string(out) }
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("m", "param", noNumber)
	require.Contains(t, logged.String(), `param.ParamType="" param.UserName=*** param.IdentifyNum=""`)
	for _, test := range []struct{ want, got string }{
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", fmt.Sprint(full)},
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", fmt.Sprintf("%+v", &full)},
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", full.String()},
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", encoded(encoding.TextMarshaler(full).MarshalText())},
		{"{ParamType: UserName:*** IdentifyNum:}", fmt.Sprintf("%d", noNumber)},
		{"{ParamType:sm2 UserName:*** IdentifyNum:}", fmt.Sprint(id2meta.Param{id2meta.ParamTypeSM2, testEncryptedName, ""})},
		{"{ParamType:*** UserName: IdentifyNum:}", fmt.Sprint(id2meta.Param{ParamType: "MD5"})},
		{`id2meta.Param{ParamType:"md5", UserName:"***", IdentifyNum:"***"}`, fmt.Sprintf("%#v", full)},
		{`id2meta.Param{ParamType:"", UserName:"***", IdentifyNum:""}`, fmt.Sprintf("%#v", noNumber)},
		{"<nil>", fmt.Sprint((*id2meta.Param)(nil))},
		{`{"ParamType":"md5","UserName":"***","IdentifyNum":"***"}`, encoded(json.Marshal(full))},
		{`{"ParamType":"","UserName":"","IdentifyNum":""}`, encoded(json.Marshal(id2meta.Param{}))},
		{"<Param>{ParamType:md5 UserName:*** IdentifyNum:***}</Param>", encoded(xml.Marshal(full))},
	} {
		assert.Equal(t, test.want, test.got)
	}
}

func TestWhatJSONShowedIsRefusedAsAPerson(t *testing.T) {
	out, err := json.Marshal(id2meta.Param{id2meta.ParamTypeNormal, zhangName, zhangNumber})
	require.NoError(t, err)
	var back id2meta.Param
	require.NoError(t, json.Unmarshal(out, &back))
	require.ErrorIs(t, back.Validate(), id2meta.ErrInvalidParam)
}

func FuzzValidate(f *testing.F) {
	f.Add("", zhangName, zhangNumber)
	f.Add("", "⾼\u200b ⽅", "110105 19491231 002Х")
	f.Add("", "阿依古丽 ● 买买提", "１１０１０５－１９４９１２３１－００２ｘ")
	f.Add("", "张（已离职）", "1.10105E+17")
	f.Add("md5", maskedZhangName[:32]+" ⾼", "\ufeff"+maskedZhangNumber)
	f.Fuzz(func(t *testing.T, paramType, userName, identifyNum string) {
		param := id2meta.Param{id2meta.ParamType(paramType), userName, identifyNum}
		normal, err := param.Normalize()
		if err != nil {
			var paramErr *id2meta.ParamError
			require.ErrorAs(t, err, &paramErr)
			require.ErrorIs(t, err, id2meta.ErrInvalidParam)
			// What people are told is one of the fixed texts.
			require.True(t, slices.ContainsFunc(identity.Texts(), func(text identity.Text) bool {
				return string(text.Problem) == string(paramErr.Problem) && (text.Field == paramErr.Field || text.Field == "") &&
					text.Reason == paramErr.Reason && text.Chinese == paramErr.Chinese()
			}), "%+v", paramErr)
			require.Contains(t, []string{"ParamType", "UserName", "IdentifyNum"}, paramErr.Field)
			require.True(t, normal == id2meta.Param{})
			require.Equal(t, err, param.Validate())
			return
		}
		again, err := normal.Normalize()
		require.NoError(t, err)
		require.True(t, again == normal, "to normalize twice changed something")
		require.NoError(t, param.Validate())
		require.NotContains(t, fmt.Sprintf("%v %#v %d", param, param, param), normal.IdentifyNum)
		if normal.ParamType == id2meta.ParamTypeNormal {
			require.Len(t, normal.IdentifyNum, 18)
			masked, err := id2meta.MD5Param(userName, identifyNum)
			require.NoError(t, err)
			require.NoError(t, masked.Validate())
			same, err := id2meta.MD5Param(normal.UserName, normal.IdentifyNum)
			require.NoError(t, err)
			require.True(t, same == masked, "the same person is masked in two ways")
		}
	})
}
