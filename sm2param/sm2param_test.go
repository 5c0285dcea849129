package sm2param_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emmansun/gmsm/sm2/sm2ec"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tjfoc/gmsm/sm2"
	"github.com/tjfoc/gmsm/sm3"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/sm2param"
)

// A key pair for the tests: that of the example in GB/T 32918.5. What package
// sm2param encrypts is decrypted by another library.
const (
	testPrivateKey = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	testX          = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
	testY          = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	testCompressed = "03" + testX
	testPublicKey  = "04" + testX + testY
)

func newEncrypter(t testing.TB, publicKey string) *sm2param.Encrypter {
	t.Helper()
	encrypter, err := sm2param.NewEncrypter(publicKey)
	require.NoError(t, err)
	return encrypter
}

// decode returns the bytes of a field after checking its shape.
func decode(t testing.TB, field string, plaintext int) []byte {
	t.Helper()
	ciphertext, err := base64.StdEncoding.Strict().DecodeString(field)
	require.NoError(t, err)
	require.Len(t, ciphertext, 1+64+plaintext+32)
	require.EqualValues(t, 0x04, ciphertext[0])
	return ciphertext
}

func decrypt(t testing.TB, field string, plaintext int) string {
	t.Helper()
	d, ok := new(big.Int).SetString(testPrivateKey, 16)
	require.True(t, ok)
	key := &sm2.PrivateKey{D: d}
	key.Curve = sm2.P256Sm2()
	text, err := sm2.Decrypt(key, decode(t, field, plaintext), sm2.C1C2C3)
	require.NoError(t, err)
	return string(text)
}

func TestWhatIsEncryptedCanBeDecrypted(t *testing.T) {
	encrypter := newEncrypter(t, testPublicKey)
	for name, person := range map[string]struct{ name, number, wantName, wantNumber string }{
		"the first sample":                    {"张三", "11010519491231002X", "张三", "11010519491231002X"},
		"the second sample":                   {"欧阳娜娜", "440524188001010014", "欧阳娜娜", "440524188001010014"},
		"outside the BMP":                     {"𠮷野", "11010519491231002X", "𠮷野", "11010519491231002X"},
		"one character":                       {"张", "440524188001010014", "张", "440524188001010014"},
		"one character outside the BMP":       {"𠮷", "440524188001010014", "𠮷", "440524188001010014"},
		"one letter":                          {"A", "440524188001010014", "A", "440524188001010014"},
		"more than one block of the cipher":   {strings.Repeat("𠮷", 100), "440524188001010014", strings.Repeat("𠮷", 100), "440524188001010014"},
		"white space around is not sent":      {" \u3000张三\n", "\t11010519491231002X ", "张三", "11010519491231002X"},
		"a small x is sent as X":              {"张三", "11010519491231002x", "张三", "11010519491231002X"},
		"a bullet is sent as U+00B7":          {"阿依古丽•买买提", "11010519491231002X", "阿依古丽·买买提", "11010519491231002X"},
		"a full stop is sent as U+00B7":       {"阿依古丽.买买提", "11010519491231002X", "阿依古丽·买买提", "11010519491231002X"},
		"a radical is sent as the ideograph":  {"⾼飞", "110105 19491231 002X", "高飞", "11010519491231002X"},
		"a full-width full stop, too":         {"阿依古丽．买买提", "11010519491231002X", "阿依古丽·买买提", "11010519491231002X"},
		"a hyphenation point, too":            {"阿依古丽‧买买提", "11010519491231002X", "阿依古丽·买买提", "11010519491231002X"},
		"a bullet operator, too":              {"阿依古丽∙买买提", "11010519491231002X", "阿依古丽·买买提", "11010519491231002X"},
		"a dot operator, too":                 {"阿依古丽⋅买买提", "11010519491231002X", "阿依古丽·买买提", "11010519491231002X"},
		"a katakana middle dot, too":          {"阿依古丽・买买提", "11010519491231002X", "阿依古丽·买买提", "11010519491231002X"},
		"a half-width one, too":               {"阿依古丽･买买提", "11010519491231002X", "阿依古丽·买买提", "11010519491231002X"},
		"U+00B7 stays":                        {"阿依古丽·买买提", "11010519491231002X", "阿依古丽·买买提", "11010519491231002X"},
		"a private-use character stays":       {"王\uE863", "11010519491231002X", "王\uE863", "11010519491231002X"},
		"full-width digits are sent as ASCII": {"张三", "１１０１０５１９４９１２３１００２ｘ", "张三", "11010519491231002X"},
	} {
		t.Run(name, func(t *testing.T) {
			param, err := encrypter.Param(person.name, person.number)
			require.NoError(t, err)
			require.Equal(t, id2meta.ParamTypeSM2, param.ParamType)
			require.Equal(t, person.wantName, decrypt(t, param.UserName, len(person.wantName)))
			require.Equal(t, person.wantNumber, decrypt(t, param.IdentifyNum, 18))

			sent, err := param.Normalize()
			require.NoError(t, err)
			require.True(t, sent == param, "Verify would send something else")
		})
	}
}

// One in 256 of these meets a key stream that is all zero. If gmsm drew again,
// nobody could decrypt the result.
func TestEveryNameOfOneLetterCanBeDecrypted(t *testing.T) {
	encrypter := newEncrypter(t, testPublicKey)
	d, err := hex.DecodeString(testPrivateKey)
	require.NoError(t, err)
	for range 4000 {
		param, err := encrypter.Param("A", "11010519491231002X")
		require.NoError(t, err)
		ciphertext := decode(t, param.UserName, 1)
		// Decrypted by hand, because that takes a fraction of the time.
		x, y := new(big.Int).SetBytes(ciphertext[1:33]), new(big.Int).SetBytes(ciphertext[33:65])
		//lint:ignore SA1019 it is what SM2 is made of
		x, y = sm2ec.P256().ScalarMult(x, y, d)
		shared := append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)
		stream := sm3.Sm3Sum(append(bytes.Clone(shared), 0, 0, 0, 1))
		require.NotZero(t, stream[0])
		require.Equal(t, "A", string(ciphertext[65]^stream[0]))
		require.Equal(t, ciphertext[66:], sm3.Sm3Sum(slices.Concat(shared[:32], []byte("A"), shared[32:])))
	}
}

func TestTheSamePersonNeverLooksTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		param, err := sm2param.New("张三", "11010519491231002X")
		require.NoError(t, err)
		for field, plaintext := range map[string]int{param.UserName: 6, param.IdentifyNum: 18} {
			ciphertext := decode(t, field, plaintext)
			c1, c3 := string(ciphertext[1:65]), string(ciphertext[len(ciphertext)-32:])
			require.False(t, seen[field] || seen[c1] || seen[c3], "a ciphertext or a part of it was there before")
			seen[field], seen[c1], seen[c3] = true, true, true
		}
	}
	require.Len(t, seen, 3*2*1000)
}

func TestTheVendorsKey(t *testing.T) {
	x, ok := new(big.Int).SetString(sm2param.PublicKey[2:], 16)
	require.True(t, ok)
	// y² = x³ - 3x + b has a root, so there is such a point.
	curve := sm2.P256Sm2().Params()
	y2 := new(big.Int).Exp(x, big.NewInt(3), nil)
	y2.Sub(y2, new(big.Int).Mul(big.NewInt(3), x)).Add(y2, curve.B).Mod(y2, curve.P)
	require.NotNil(t, new(big.Int).ModSqrt(y2, curve.P))

	_, err := sm2param.NewEncrypter(sm2param.PublicKey)
	require.NoError(t, err)
	param, err := sm2param.New("张三", "11010519491231002X")
	require.NoError(t, err)
	require.NoError(t, param.Validate())
	require.Equal(t, id2meta.ParamTypeSM2, param.ParamType)
	decode(t, param.UserName, 6)
	decode(t, param.IdentifyNum, 18)
}

func TestBothFormsOfAKeyAreTheSameKey(t *testing.T) {
	for name, key := range map[string]string{
		"compressed":               testCompressed,
		"compressed, in capitals":  strings.ToUpper(testCompressed),
		"uncompressed":             testPublicKey,
		"uncompressed in capitals": strings.ToUpper(testPublicKey),
	} {
		t.Run(name, func(t *testing.T) {
			param, err := newEncrypter(t, key).Param("张三", "11010519491231002X")
			require.NoError(t, err)
			require.Equal(t, "张三", decrypt(t, param.UserName, 6))
			require.Equal(t, "11010519491231002X", decrypt(t, param.IdentifyNum, 18))
		})
	}
}

func TestKeysThatAreNone(t *testing.T) {
	const (
		notHex   = "is not in hex"
		form     = "must be 33 bytes that begin with 02 or 03, or 65 that begin with 04"
		offCurve = "not a point of the curve sm2p256v1"
	)
	zeros, effs := strings.Repeat("00", 32), strings.Repeat("ff", 32)
	for name, test := range map[string]struct{ key, why string }{
		"empty":                            {"", form},
		"not hex":                          {"g" + testCompressed[1:], notHex},
		"an odd number of digits":          {testCompressed[1:], notHex},
		"with 0x":                          {"0x" + testCompressed, notHex},
		"with a line break":                {testCompressed + "\n", notHex},
		"with colons":                      {"03:09:f9", notHex},
		"PEM":                              {"-----BEGIN PUBLIC KEY-----", notHex},
		"Base64":                           {base64.StdEncoding.EncodeToString([]byte(testX)), notHex},
		"one byte short":                   {testCompressed[:64], form},
		"one byte long":                    {testCompressed + "00", form},
		"uncompressed, one byte short":     {testPublicKey[:128], form},
		"uncompressed, one byte long":      {testPublicKey + "00", form},
		"without 04":                       {testX + testY, form},
		"a private key":                    {testPrivateKey, form},
		"compressed after 04":              {"04" + testX, form},
		"uncompressed after 03":            {"03" + testX + testY, form},
		"hybrid":                           {"07" + testX + testY, form},
		"infinity":                         {"00", form},
		"infinity with 33 bytes":           {"00" + zeros, form},
		"infinity with 65 bytes":           {"00" + zeros + zeros, form},
		"(0, 0)":                           {"04" + zeros + zeros, offCurve},
		"another y":                        {"04" + testX + testX, offCurve},
		"one bit of y":                     {testPublicKey[:129] + "2", offCurve},
		"coordinates beyond the field":     {"04" + effs + effs, offCurve},
		"compressed, beyond the field":     {"02" + effs, offCurve},
		"compressed, an x without a point": {"02" + strings.Repeat("0", 63) + "3", offCurve},
		"a point of the curve P-256":       {"026b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296", offCurve},
		"a number in the place of the key": {"440524188001010014", form},
		"a name in the place of the key":   {"张三", notHex},
		"one million digits":               {strings.Repeat("02", 1<<19), form},
	} {
		t.Run(name, func(t *testing.T) {
			encrypter, err := sm2param.NewEncrypter(test.key)
			require.ErrorContains(t, err, test.why)
			require.ErrorContains(t, err, "sm2param: the public key ")
			require.Nil(t, encrypter)
			if len(test.key) > 4 {
				require.NotContains(t, err.Error(), test.key)
			}
		})
	}
}

// Root and sm2param must agree on who is a person.
func TestInvalidPersonsAreRefusedAsByMD5Param(t *testing.T) {
	encrypter := newEncrypter(t, testPublicKey)
	once, err := encrypter.Param("张三", "11010519491231002X")
	require.NoError(t, err)
	masked, err := id2meta.MD5Param("张三", "11010519491231002X")
	require.NoError(t, err)
	for name, person := range map[string][2]string{
		"an empty name":       {"", "11010519491231002X"},
		"an empty number":     {"张三", ""},
		"digits in the name":  {"张3", "11010519491231002X"},
		"GBK":                 {"\xd5\xc5\xc8\xfd", "11010519491231002X"},
		"a wrong check digit": {"张三", "110105194912310021"},
		"no birth date":       {"张三", "110105194913010029"},
		"first generation":    {"张三", "110105491231002"},
		"swapped":             {"11010519491231002X", "张三"},
		"masked":              {masked.UserName, masked.IdentifyNum},
		"encrypted already":   {once.UserName, once.IdentifyNum},
		"encrypted number":    {"张三", once.IdentifyNum},
	} {
		t.Run(name, func(t *testing.T) {
			_, want := id2meta.MD5Param(person[0], person[1])
			for _, encrypt := range []func(string, string) (id2meta.Param, error){sm2param.New, encrypter.Param} {
				param, err := encrypt(person[0], person[1])
				require.True(t, param == id2meta.Param{})
				require.Equal(t, want, err)
				require.ErrorIs(t, err, id2meta.ErrInvalidParam)
				for _, value := range person {
					if value != "" {
						require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), value)
					}
				}
			}
		})
	}
}

func TestManyAtOnceOnOneEncrypter(t *testing.T) {
	encrypter := newEncrypter(t, testCompressed)
	var wg sync.WaitGroup
	params := make([]id2meta.Param, 64)
	for i := range params {
		wg.Go(func() {
			var err error
			params[i], err = encrypter.Param("欧阳娜娜", "440524188001010014")
			assert.NoError(t, err)
			_, err = sm2param.New("欧阳娜娜", "440524188001010014")
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	for _, param := range params {
		require.Equal(t, "欧阳娜娜", decrypt(t, param.UserName, 12))
		require.Equal(t, "440524188001010014", decrypt(t, param.IdentifyNum, 18))
	}
}

func TestThroughTheClient(t *testing.T) {
	server, client, encrypter := newSimulator(t)
	server.AddPerson("𠮷野", "11010519491231002X")
	good, err := encrypter.Param("𠮷野", "11010519491231002X")
	require.NoError(t, err)

	t.Run("the verdicts are those of plaintext", func(t *testing.T) {
		for name, want := range map[string]id2meta.BizCode{"𠮷野": id2meta.BizCodeMatch, "张三": id2meta.BizCodeMismatch} {
			param, err := encrypter.Param(name, "11010519491231002X")
			require.NoError(t, err)
			result, err := client.Verify(t.Context(), param)
			require.NoError(t, err)
			require.Equal(t, want, result.BizCode)
		}
		param, err := encrypter.Param("张三", "440524188001010014")
		require.NoError(t, err)
		result, err := client.Verify(t.Context(), param)
		require.NoError(t, err)
		require.Equal(t, id2meta.BizCodeNoRecord, result.BizCode)
	})

	// Base64 has signs that a form would take for something else.
	t.Run("every sign of Base64 arrives", func(t *testing.T) {
		for range 50 {
			param, err := encrypter.Param("𠮷野", "11010519491231002X")
			require.NoError(t, err)
			result, err := client.Verify(t.Context(), param)
			require.NoError(t, err)
			require.True(t, result.Match())
		}
	})

	vendors, err := sm2param.New("𠮷野", "11010519491231002X")
	require.NoError(t, err)
	_, _, stranger := newSimulator(t)
	strangers, err := stranger.Param("𠮷野", "11010519491231002X")
	require.NoError(t, err)
	for name, tamper := range map[string]func(*id2meta.Param){
		"under another Server's key": func(p *id2meta.Param) { *p = strangers },
		"under the vendor's key":     func(p *id2meta.Param) { *p = vendors },
		"the name under another key": func(p *id2meta.Param) { p.UserName = vendors.UserName },
		"name and number swapped":    func(p *id2meta.Param) { p.UserName, p.IdentifyNum = p.IdentifyNum, p.UserName },
		"a bit of C1":                func(p *id2meta.Param) { p.UserName = change(t, p.UserName, 1) },
		"a bit of C1 of the number":  func(p *id2meta.Param) { p.IdentifyNum = change(t, p.IdentifyNum, 64) },
		"a bit of C2":                func(p *id2meta.Param) { p.UserName = change(t, p.UserName, 65) },
		"a bit of C2 of the number":  func(p *id2meta.Param) { p.IdentifyNum = change(t, p.IdentifyNum, 65+17) },
		"a bit of C3":                func(p *id2meta.Param) { p.UserName = change(t, p.UserName, 65+7) },
		"the last bit of the number": func(p *id2meta.Param) { p.IdentifyNum = change(t, p.IdentifyNum, 114) },
		"truncated by one byte":      func(p *id2meta.Param) { p.UserName = truncate(t, p.UserName, 1) },
		"truncated to 98 bytes":      func(p *id2meta.Param) { p.IdentifyNum = truncate(t, p.IdentifyNum, 17) },
	} {
		t.Run("a ciphertext is refused: "+name, func(t *testing.T) {
			param := good
			tamper(&param)
			require.NoError(t, param.Validate(), "it would not be sent")
			before := len(server.Calls())
			result, err := client.Verify(t.Context(), param)
			require.ErrorIs(t, err, id2meta.ErrInvalidParam)
			var apiError *id2meta.APIError
			require.True(t, errors.As(err, &apiError))
			require.Equal(t, "401", apiError.Code)
			require.Equal(t, id2meta.Result{}, result)
			require.Len(t, server.Calls(), before+1)
		})
	}

	t.Run("an answer that repeats a ciphertext does not show the ciphertext", func(t *testing.T) {
		server.Inject(id2metatest.Answer("401", "bad: "+good.UserName+" "+url.QueryEscape(good.IdentifyNum)))
		_, err := client.Verify(t.Context(), good)
		require.ErrorIs(t, err, id2meta.ErrInvalidParam)
		require.NotContains(t, err.Error(), good.UserName)
		require.NotContains(t, err.Error(), url.QueryEscape(good.IdentifyNum))
	})

	t.Run("cut below the shortest it is not sent", func(t *testing.T) {
		param := good
		param.IdentifyNum = truncate(t, param.IdentifyNum, 18)
		before := len(server.Calls())
		_, err := client.Verify(t.Context(), param)
		var paramError *id2meta.ParamError
		require.ErrorAs(t, err, &paramError)
		require.Equal(t, "IdentifyNum", paramError.Field)
		require.Len(t, server.Calls(), before)
	})
}

// change flips a bit of a byte.
func change(t *testing.T, field string, at int) string {
	t.Helper()
	ciphertext, err := base64.StdEncoding.DecodeString(field)
	require.NoError(t, err)
	ciphertext[at] ^= 0x01
	return base64.StdEncoding.EncodeToString(ciphertext)
}

func truncate(t *testing.T, field string, n int) string {
	t.Helper()
	ciphertext, err := base64.StdEncoding.DecodeString(field)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(ciphertext[:len(ciphertext)-n])
}

func TestParamsAndErrorsDoNotShowThePerson(t *testing.T) {
	param, err := sm2param.New("欧阳娜娜", "440524188001010014")
	require.NoError(t, err)
	ciphertext, err := base64.StdEncoding.DecodeString(param.IdentifyNum)
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %q %x", param, param, param, param, param),
		param.UserName + param.IdentifyNum, // as a proxy sees them
		string(ciphertext), hex.EncodeToString(ciphertext),
	} {
		for _, secret := range []string{"欧阳", "娜娜", "440524", "18800101", "010014"} {
			require.NotContains(t, text, secret)
			require.NotContains(t, text, hex.EncodeToString([]byte(secret)))
			require.NotContains(t, text, base64.RawStdEncoding.EncodeToString([]byte(secret)))
		}
	}
}
