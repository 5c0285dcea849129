package sm2param_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2/sm2ec"
	"github.com/stretchr/testify/require"
	"github.com/tjfoc/gmsm/sm3"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/sm2param"
	"github.com/id2meta/id2meta/sm2param/sm2paramtest"
)

// The key pair of the example in GB/T 32918.5.
const (
	testPrivateKey = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	testX          = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
	testY          = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	testCompressed = "03" + testX
	testPublicKey  = "04" + testX + testY
)

const (
	zhangName   = "张三"
	zhangNumber = "11010519491231002X"
	otherNumber = "440524188001010014"
)

func newEncrypter(t testing.TB, publicKey string) *sm2param.Encrypter {
	t.Helper()
	encrypter, err := sm2param.NewEncrypter(publicKey)
	require.NoError(t, err)
	return encrypter
}

// What package sm2param encrypts is decrypted by another library, which takes one format
// only.
func TestWhatIsEncryptedCanBeDecrypted(t *testing.T) {
	publicKey, decrypt := sm2paramtest.NewKey()
	encrypter := newEncrypter(t, publicKey)
	long := strings.Repeat("𠮷", 100)
	for sentence, test := range map[string]struct{ name, number, wantName, wantNumber string }{
		"a person":                          {"欧阳娜娜", otherNumber, "欧阳娜娜", otherNumber},
		"one character outside the BMP":     {"𠮷", otherNumber, "𠮷", otherNumber},
		"more than one block of the cipher": {long, otherNumber, long, otherNumber},
		"what is sent is normalized":        {" 阿依古丽•买买提\n", "１１０１０５１９４９１２３１００２ｘ", "阿依古丽·买买提", zhangNumber},
	} {
		t.Run(sentence, func(t *testing.T) {
			param, err := encrypter.Param(test.name, test.number)
			require.NoError(t, err)
			require.Equal(t, id2meta.ParamTypeSM2, param.ParamType)
			name, _ := decrypt(param.UserName)
			require.Equal(t, test.wantName, name)
			number, _ := decrypt(param.IdentifyNum)
			require.Equal(t, test.wantNumber, number)

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
		param, err := encrypter.Param("A", zhangNumber)
		require.NoError(t, err)
		ciphertext, err := base64.StdEncoding.DecodeString(param.UserName)
		require.NoError(t, err)
		// Decrypted by hand, because that takes a fraction of the time.
		x, y := new(big.Int).SetBytes(ciphertext[1:33]), new(big.Int).SetBytes(ciphertext[33:65])
		//lint:ignore SA1019 it is what SM2 is made of
		x, y = sm2ec.P256().ScalarMult(x, y, d)
		shared := slices.Concat(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32)))
		stream := sm3.Sm3Sum(slices.Concat(shared, []byte{0, 0, 0, 1}))
		require.NotZero(t, stream[0])
		require.Equal(t, "A", string(ciphertext[65]^stream[0]))
		require.Equal(t, ciphertext[66:], sm3.Sm3Sum(slices.Concat(shared[:32], []byte("A"), shared[32:])))
	}
}

func TestTheSamePersonNeverLooksTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		param, err := sm2param.New(zhangName, zhangNumber)
		require.NoError(t, err)
		require.NoError(t, param.Validate())
		for _, field := range []string{param.UserName, param.IdentifyNum} {
			c1 := field[:84] // nearly all of it, in Base64
			require.False(t, seen[c1], "two fields have the same random number")
			seen[c1] = true
		}
	}
}

func TestFormsOfAKey(t *testing.T) {
	want := newEncrypter(t, testPublicKey)
	for name, key := range map[string]string{
		"compressed":  testCompressed,
		"in capitals": strings.ToUpper(testPublicKey),
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, want, newEncrypter(t, key)) })
	}
}

func TestKeysThatAreNone(t *testing.T) {
	const (
		notHex  = "is not in hex"
		noPoint = "is not a point of the curve sm2p256v1: 33 bytes that begin with 02 or 03, or 65 bytes that begin with 04"
	)
	zeros, effs := strings.Repeat("00", 32), strings.Repeat("ff", 32)
	for name, test := range map[string]struct{ key, why string }{
		"empty":                            {"", noPoint},
		"an odd number of digits":          {testCompressed[1:], notHex},
		"with 0x":                          {"0x" + testCompressed, notHex},
		"with a line break":                {testCompressed + "\n", notHex},
		"PEM":                              {"-----BEGIN PUBLIC KEY-----", notHex},
		"one byte short":                   {testCompressed[:64], noPoint},
		"one byte long":                    {testCompressed + "00", noPoint},
		"uncompressed, one byte short":     {testPublicKey[:128], noPoint},
		"uncompressed, one byte long":      {testPublicKey + "00", noPoint},
		"without 04":                       {testX + testY, noPoint},
		"a private key":                    {testPrivateKey, noPoint},
		"compressed after 04":              {"04" + testX, noPoint},
		"uncompressed after 03":            {"03" + testX + testY, noPoint},
		"infinity":                         {"00", noPoint},
		"infinity with 65 bytes":           {"00" + zeros + zeros, noPoint},
		"(0, 0)":                           {"04" + zeros + zeros, noPoint},
		"one bit of y":                     {testPublicKey[:129] + "2", noPoint},
		"coordinates beyond the field":     {"04" + effs + effs, noPoint},
		"compressed, beyond the field":     {"02" + effs, noPoint},
		"compressed, an x without a point": {"02" + strings.Repeat("0", 63) + "3", noPoint},
		"a point of the curve P-256":       {"026b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296", noPoint},
		"a name in the place of the key":   {zhangName, notHex},
		"one million digits":               {strings.Repeat("02", 1<<19), noPoint},
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
	once, err := encrypter.Param(zhangName, zhangNumber)
	require.NoError(t, err)
	for name, person := range map[string][2]string{
		"an empty name":       {"", zhangNumber},
		"an empty number":     {zhangName, ""},
		"digits in the name":  {"张3", zhangNumber},
		"a wrong check digit": {zhangName, "110105194912310021"},
		"swapped":             {zhangNumber, zhangName},
		"encrypted already":   {once.UserName, once.IdentifyNum},
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
