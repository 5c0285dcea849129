package id2meta_test

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
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
		"a normal Param stays as it is":           {person, person},
		"the zero ParamType becomes normal":       {id2meta.Param{"", zhangName, zhangNumber}, person},
		"a small x becomes X":                     {id2meta.Param{"", zhangName, "11010519491231002x"}, person},
		"a full-width number becomes half-width":  {id2meta.Param{"", zhangName, "１１０１０５１９４９１２３１００２Ｘ"}, person},
		"a small full-width x becomes X":          {id2meta.Param{"", zhangName, "11010519491231002ｘ"}, person},
		"a number may be mixed in width":          {id2meta.Param{"", zhangName, "1101051949１２３１002X"}, person},
		"spaces and tabs around are removed":      {id2meta.Param{"", " \t张三\r\n", "\n 11010519491231002X \t"}, person},
		"ideographic spaces around are removed":   {id2meta.Param{"", "\u3000张三\u3000", "\u300011010519491231002X\u3000"}, person},
		"no-break spaces around are removed":      {id2meta.Param{"", "\u00a0张三\u00a0", "\u00a011010519491231002X\u00a0"}, person},
		"a number may end in a digit":             {id2meta.Param{"", zhangName, "440524188001010014"}, id2meta.Param{id2meta.ParamTypeNormal, zhangName, "440524188001010014"}},
		"a masked Param stays as it is":           {masked, masked},
		"a masked number's x becomes X":           {id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber[:41] + "x"}, masked},
		"a masked number may be full-width":       {id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber[:41] + "Ｘ"}, masked},
		"spaces around masked fields are removed": {id2meta.Param{id2meta.ParamTypeMD5, " " + maskedZhangName + "\u3000", "\t" + maskedZhangNumber + "\n"}, masked},
		"a grouped number is joined":              {id2meta.Param{"", zhangName, "110105 19491231 002X"}, person},
		"a Cyrillic Х becomes X":                  {id2meta.Param{"", zhangName, "110105-19491231-002Х"}, person},
		"a radical becomes the ideograph":         {id2meta.Param{"", "⾼飞", zhangNumber}, id2meta.Param{id2meta.ParamTypeNormal, "高飞", zhangNumber}},
		"a compatibility ideograph, too":          {id2meta.Param{"", "\uF9E1四", zhangNumber}, id2meta.Param{id2meta.ParamTypeNormal, "李四", zhangNumber}},
		"a space between ideographs is removed":   {id2meta.Param{"", "张 三", zhangNumber}, person},
		"what cannot be seen is removed":          {id2meta.Param{"", "\ufeff张三\u200e", "\u202d11010519491231002X\u202c"}, person},
		"full-width Latin becomes ASCII":          {id2meta.Param{"", "ＪＯＨＮ　ＳＭＩＴＨ", zhangNumber}, id2meta.Param{id2meta.ParamTypeNormal, "JOHN SMITH", zhangNumber}},
		"the rest of a masked name is folded":     {id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName[:32] + " ⼆\u200b", maskedZhangNumber}, id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName[:32] + "二", maskedZhangNumber}},
		"a foreigner's card is sent":              {id2meta.Param{"", "JOHN SMITH", "910105194912310029"}, id2meta.Param{id2meta.ParamTypeNormal, "JOHN SMITH", "910105194912310029"}},
		"an encrypted Param stays as it is":       {encrypted, encrypted},
		"spaces around ciphertexts are removed":   {id2meta.Param{id2meta.ParamTypeSM2, " " + testEncryptedName + "\u3000", "\t" + testEncryptedNumber + "\r\n"}, encrypted},
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

// However the dot is typed, the person is the same: for the service, for the md5
// masks and as a key.
func TestEveryDotOfANameIsSentAsU00B7(t *testing.T) {
	const sent, sentMasked = "阿依古丽·买买提", "17ad63cd834bf7f355122b954e87dbcc依古丽·买买提"
	for _, dot := range []string{"·", "•", "‧", "∙", "⋅", "・", "･", "．", ".", "●", "▪", "◦", "∘", "﹒", "\u2024", "\u0387", "\u2E31", "\u2981"} {
		t.Run(fmt.Sprintf("%U", []rune(dot)), func(t *testing.T) {
			typed := "阿依古丽" + dot + "买买提"
			got, err := id2meta.Param{UserName: typed, IdentifyNum: zhangNumber}.Normalize()
			require.NoError(t, err)
			require.Equal(t, sent, got.UserName)
			masked, err := id2meta.MD5Param(typed, zhangNumber)
			require.NoError(t, err)
			require.Equal(t, sentMasked, masked.UserName)
			name, err := id2meta.MD5UserName(typed)
			require.NoError(t, err)
			require.Equal(t, sentMasked, name)
		})
	}
	t.Run("a dot between Latin letters stays", func(t *testing.T) {
		got, err := id2meta.Param{UserName: "J. SMITH", IdentifyNum: zhangNumber}.Normalize()
		require.NoError(t, err)
		require.Equal(t, "J. SMITH", got.UserName)
	})
}

func TestAPrivateUseCharacterIsSentAsItIs(t *testing.T) {
	got, err := id2meta.Param{UserName: "王\uE863", IdentifyNum: zhangNumber}.Normalize()
	require.NoError(t, err)
	require.Equal(t, "王\uE863", got.UserName)
	masked, err := id2meta.MD5Param("王\uE863", zhangNumber)
	require.NoError(t, err)
	require.Equal(t, "\uE863", masked.UserName[32:])
	require.NoError(t, masked.Validate())
}

func TestWhatIsDisplayedIsNeverSent(t *testing.T) {
	for _, paramType := range []id2meta.ParamType{"", id2meta.ParamTypeMD5, id2meta.ParamTypeSM2} {
		for _, name := range []string{zhangName, "张", "", "阿依古丽•买买提", zhangNumber, maskedZhangName, testEncryptedName, "\x1b[31m\xff"} {
			err := id2meta.Param{ParamType: paramType, UserName: id2meta.DisplayUserName(name), IdentifyNum: zhangNumber}.Validate()
			var paramErr *id2meta.ParamError
			require.ErrorAs(t, err, &paramErr, name)
			require.Equal(t, "UserName", paramErr.Field, name)
		}
	}
	for _, number := range []string{zhangNumber, "", zhangName, maskedZhangNumber, testEncryptedNumber, "\x1b[31m\xff"} {
		shown := id2meta.DisplayIdentifyNum(number)
		for _, param := range []id2meta.Param{
			{"", zhangName, shown},
			{id2meta.ParamTypeMD5, maskedZhangName, shown},
			{id2meta.ParamTypeSM2, testEncryptedName, shown},
		} {
			err := param.Validate()
			var paramErr *id2meta.ParamError
			require.ErrorAs(t, err, &paramErr, number)
			require.Equal(t, "IdentifyNum", paramErr.Field, number)
		}
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

func TestNormalizeAllocatesNothingForNormalInput(t *testing.T) {
	for _, param := range []id2meta.Param{
		{id2meta.ParamTypeNormal, zhangName, zhangNumber},
		{id2meta.ParamTypeNormal, "阿依古丽·买买提", zhangNumber},
		{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber},
	} {
		assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = param.Normalize() }), param.ParamType)
	}
}

func TestNormalizeGivesTheZeroParamBesideAnError(t *testing.T) {
	for _, param := range []id2meta.Param{
		{"sm9", zhangName, zhangNumber},
		{id2meta.ParamTypeNormal, "", zhangNumber},
		{id2meta.ParamTypeNormal, zhangName, ""},
		{id2meta.ParamTypeMD5, zhangName, maskedZhangNumber},
		{id2meta.ParamTypeMD5, maskedZhangName, zhangNumber},
		{id2meta.ParamTypeSM2, zhangName, testEncryptedNumber},
		{id2meta.ParamTypeSM2, testEncryptedName, zhangNumber},
	} {
		got, err := param.Normalize()
		require.Error(t, err)
		require.True(t, got == id2meta.Param{})
	}
}

func TestAnUnknownParamTypeIsRefused(t *testing.T) {
	for _, paramType := range []id2meta.ParamType{"MD5", "SM2", "sm9", "plain", zhangName, zhangNumber} {
		err := id2meta.Param{paramType, zhangName, zhangNumber}.Validate()
		requireParamError(t, err, "ParamType", id2meta.ProblemParamType, `it must be "normal", "md5" or "sm2"`, string(paramType)+zhangName+zhangNumber)
	}
}

// What is refused and why is the matter of internal/identity. Here is that its
// reason reaches the caller, with the field.
func TestARefusalNamesTheFieldAndTheReason(t *testing.T) {
	const digits, checkDigit = "it contains digits, which the service does not accept in a name", "the check digit is wrong"
	for name, test := range map[string]struct {
		err           error
		field         string
		problem       id2meta.Problem
		reason, value string
	}{
		"a normal name":       {id2meta.Param{"", "张三3", zhangNumber}.Validate(), "UserName", "digits", digits, "张三3"},
		"a normal number":     {id2meta.Param{"", zhangName, "110105194912310021"}.Validate(), "IdentifyNum", id2meta.ProblemCheckDigit, checkDigit, "110105194912310021"},
		"a masked name":       {id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName + "3", maskedZhangNumber}.Validate(), "UserName", "digits", digits, maskedZhangName},
		"an encrypted name":   {id2meta.Param{id2meta.ParamTypeSM2, zhangName, testEncryptedNumber}.Validate(), "UserName", "not_encrypted", "it is not encrypted; package sm2param encrypts it", zhangName},
		"an encrypted number": {id2meta.Param{id2meta.ParamTypeSM2, testEncryptedName, zhangNumber}.Validate(), "IdentifyNum", "not_encrypted", "it is not encrypted; package sm2param encrypts it", zhangNumber},
		"a masked number": {id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName, zhangNumber}.Validate(), "IdentifyNum", "masked_format", "it must be 6 digits, the md5 of the birth date " +
			"(32 lower-case hex digits), 3 digits and a digit or X; MD5Param makes it from plaintext", zhangNumber},
		"a name to mask":                 {second(id2meta.MD5UserName("张三3")), "UserName", "digits", digits, "张三3"},
		"a number to mask":               {second(id2meta.MD5IdentifyNum("110105194912310021")), "IdentifyNum", id2meta.ProblemCheckDigit, checkDigit, "110105194912310021"},
		"the name of a person to mask":   {second(id2meta.MD5Param("张三3", zhangNumber)), "UserName", "digits", digits, "张三3"},
		"the number of a person to mask": {second(id2meta.MD5Param(zhangName, "110105194912310021")), "IdentifyNum", id2meta.ProblemCheckDigit, checkDigit, "110105194912310021"},
		"the name comes first":           {id2meta.Param{}.Validate(), "UserName", id2meta.ProblemEmpty, "it is empty", ""},
		"a number that is not there":     {id2meta.Param{UserName: zhangName}.Validate(), "IdentifyNum", id2meta.ProblemEmpty, "it is empty", ""},
		"born after today":               {id2meta.Param{"", zhangName, "110105209912310029"}.Validate(), "IdentifyNum", "future_birth_date", "the birth date is in the future", "110105209912310029"},
	} {
		t.Run(name, func(t *testing.T) { requireParamError(t, test.err, test.field, test.problem, test.reason, test.value) })
	}
}

// The Redactor, for example, works with the given name, so its work would grow with it.
func TestALongFieldIsRefusedBeforeAnythingElse(t *testing.T) {
	server := newServer(t)
	client := newClient(t, []string{server.Endpoint()})
	long := "张" + strings.Repeat(" ", 300_000) + "三"
	for _, paramType := range []id2meta.ParamType{id2meta.ParamTypeNormal, id2meta.ParamTypeMD5, id2meta.ParamTypeSM2} {
		_, err := client.Verify(t.Context(), id2meta.Param{ParamType: paramType, UserName: long, IdentifyNum: zhangNumber})
		requireParamError(t, err, "UserName", "too_long", "it is longer than any name", long)
	}
	_, err := client.Verify(t.Context(), id2meta.Param{UserName: zhangName, IdentifyNum: zhangNumber + strings.Repeat(" ", 300_000)})
	requireParamError(t, err, "IdentifyNum", "too_long", "it is longer than any number", zhangNumber)
	require.Empty(t, server.Calls())
}

func second[T any](_ T, err error) error { return err }

func TestSwappedFieldsSaySo(t *testing.T) {
	for _, param := range []id2meta.Param{
		{id2meta.ParamTypeNormal, zhangNumber, zhangName},
		{id2meta.ParamTypeMD5, maskedZhangNumber, maskedZhangName},
		{id2meta.ParamTypeSM2, zhangNumber, zhangName},
	} {
		requireParamError(t, param.Validate(), "UserName", id2meta.ProblemSwapped, "it is an ID number (UserName and IdentifyNum seem to be swapped)",
			param.UserName+param.IdentifyNum)
	}
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

func TestNoVerbShowsThePerson(t *testing.T) {
	type exported struct {
		Inner   id2meta.Param
		Pointer *id2meta.Param
	}
	for _, param := range []id2meta.Param{
		{id2meta.ParamTypeNormal, zhangName, zhangNumber},
		{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber},
		{id2meta.ParamTypeSM2, testEncryptedName, testEncryptedNumber},
		{zhangName, zhangNumber, "normal"}, // three strings in the wrong order
		{id2meta.ParamType(zhangNumber), zhangName, zhangNumber},
	} {
		for _, verb := range []string{
			"%v", "%+v", "%#v", "%s", "%+s", "%#s", "%q", "%+q", "%#q", "%x", "% x", "%#x", "%X", "%d", "%o", "%b",
			"%c", "%U", "%e", "%g", "%t", "%5v", "%-40v", "%.1v", "%010d", "%z",
			"a format without a verb, after which fmt prints the argument all the same",
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
				t.Run(verb+" of a "+name, func(t *testing.T) { requireNoPerson(t, fmt.Sprintf(verb, value)) })
			}
		}
		requireNoPerson(t, fmt.Sprint(param, &param)+fmt.Sprintln(param)+fmt.Errorf("verify: %v", param).Error())
	}
}

func TestWhatIsShownHelpsToFindAMistake(t *testing.T) {
	full := id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber}
	noNumber := id2meta.Param{UserName: zhangName}
	for _, test := range []struct{ want, got string }{
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", fmt.Sprint(full)},
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", fmt.Sprintf("%+v", &full)},
		{"{ParamType:md5 UserName:*** IdentifyNum:***}", full.String()},
		{"{ParamType: UserName:*** IdentifyNum:}", fmt.Sprintf("%d", noNumber)},
		{"{ParamType:sm2 UserName:*** IdentifyNum:}", fmt.Sprint(id2meta.Param{id2meta.ParamTypeSM2, testEncryptedName, ""})},
		{"{ParamType:*** UserName: IdentifyNum:}", fmt.Sprint(id2meta.Param{ParamType: "MD5"})},
		{`id2meta.Param{ParamType:"md5", UserName:"***", IdentifyNum:"***"}`, fmt.Sprintf("%#v", full)},
		{`id2meta.Param{ParamType:"", UserName:"***", IdentifyNum:""}`, fmt.Sprintf("%#v", noNumber)},
		{"<nil>", fmt.Sprint((*id2meta.Param)(nil))},
	} {
		assert.Equal(t, test.want, test.got)
	}
}

func TestLogHandlersDoNotShowThePerson(t *testing.T) {
	param := id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			slog.New(handler(&out)).With("with", param).Info("m", "value", param, "pointer", &param,
				"slice", []id2meta.Param{param}, "struct", struct{ Inner *id2meta.Param }{&param})
			requireNoPerson(t, out.String())
			require.Contains(t, out.String(), "***")
		})
	}
	t.Run("a group names the fields", func(t *testing.T) {
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "param", id2meta.Param{UserName: zhangName})
		require.Contains(t, out.String(), `param.ParamType="" param.UserName=*** param.IdentifyNum=""`)
	})
}

func TestEncodersDoNotShowThePerson(t *testing.T) {
	param := id2meta.Param{id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber}
	t.Run("JSON", func(t *testing.T) {
		out, err := json.Marshal(map[string]any{"a": param, "b": &param, "c": []id2meta.Param{param}})
		require.NoError(t, err)
		requireNoPerson(t, string(out))
		out, err = json.Marshal(param)
		require.NoError(t, err)
		require.JSONEq(t, `{"ParamType":"md5","UserName":"***","IdentifyNum":"***"}`, string(out))
		out, err = json.Marshal(id2meta.Param{})
		require.NoError(t, err)
		require.JSONEq(t, `{"ParamType":"","UserName":"","IdentifyNum":""}`, string(out))
	})
	t.Run("what JSON showed is refused as a person", func(t *testing.T) {
		out, err := json.Marshal(id2meta.Param{id2meta.ParamTypeNormal, zhangName, zhangNumber})
		require.NoError(t, err)
		var back id2meta.Param
		require.NoError(t, json.Unmarshal(out, &back))
		require.ErrorIs(t, back.Validate(), id2meta.ErrInvalidParam)
	})
	t.Run("JSON with a Param as a key", func(t *testing.T) {
		out, err := json.Marshal(map[id2meta.Param]int{param: 1})
		require.NoError(t, err)
		requireNoPerson(t, string(out))
	})
	t.Run("XML", func(t *testing.T) {
		type named struct{ Inner id2meta.Param }
		out, err := xml.Marshal(named{param})
		require.NoError(t, err)
		requireNoPerson(t, string(out))
		require.Contains(t, string(out), "***")
	})
	t.Run("text", func(t *testing.T) {
		out, err := encoding.TextMarshaler(param).MarshalText()
		require.NoError(t, err)
		require.Equal(t, param.String(), string(out))
	})
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

func BenchmarkNormalize(b *testing.B) {
	for name, param := range map[string]id2meta.Param{
		"normal": {id2meta.ParamTypeNormal, zhangName, zhangNumber},
		"folded": {id2meta.ParamTypeNormal, "⾼ ⽅", "110105 19491231 002x"},
		"md5":    {id2meta.ParamTypeMD5, maskedZhangName, maskedZhangNumber},
		"sm2":    {id2meta.ParamTypeSM2, testEncryptedName, testEncryptedNumber},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = param.Normalize()
			}
		})
	}
}
