package sm2param_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/sm2param"
	"github.com/id2meta/id2meta/sm2param/sm2paramtest"
)

func TestTheSimulatorDecrypts(t *testing.T) {
	publicKey, decrypt := sm2paramtest.NewKey()
	server := id2metatest.NewServer(id2metatest.WithSM2Decrypter(decrypt))
	defer server.Close()
	client, err := id2meta.New(server.Options()...)
	require.NoError(t, err)
	encrypter := newEncrypter(t, publicKey)
	verifier := encrypter.Verifier(client)
	server.AddPerson("阿依古丽·买买提", zhangNumber)
	server.AddPerson("𠮷野", "110105194912310046")
	server.AddPerson("吉", otherNumber)
	for _, test := range []struct {
		name  string
		param id2meta.Param
		want  id2meta.BizCode
	}{
		{"a match", plain("阿依古丽·买买提", zhangNumber), id2meta.BizCodeMatch},
		{"a name outside the BMP matches", plain("𠮷野", "110105194912310046"), id2meta.BizCodeMatch},
		{"what people type matches", id2meta.Param{ParamType: "normal", UserName: " 吉", IdentifyNum: "４４０５２４１８８００１０１００１４"}, id2meta.BizCodeMatch},
		{"a mismatch", plain(zhangName, zhangNumber), id2meta.BizCodeMismatch},
		{"no record", plain(zhangName, "110105199003070017"), id2meta.BizCodeNoRecord},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := verifier.Verify(t.Context(), test.param)
			require.NoError(t, err)
			assert.Equal(t, test.want, result.BizCode)
			calls := server.Calls()
			assert.Equal(t, "sm2", calls[len(calls)-1].ParamType)
			assert.Equal(t, 1, server.Billed(test.param.UserName, test.param.IdentifyNum), "the record knows the person of the plaintext")
		})
	}

	good, err := encrypter.Param(zhangName, zhangNumber)
	require.NoError(t, err)
	vendors, err := sm2param.New(zhangName, zhangNumber)
	require.NoError(t, err)
	for name, param := range map[string]id2meta.Param{
		"a person under the vendor's key is refused":   vendors,
		"a name under another key is refused":          {ParamType: "sm2", UserName: vendors.UserName, IdentifyNum: good.IdentifyNum},
		"a name in the place of the number is refused": {ParamType: "sm2", UserName: good.IdentifyNum, IdentifyNum: good.UserName},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := client.Verify(t.Context(), param)
			var answered *id2meta.APIError
			require.ErrorAs(t, err, &answered)
			assert.Equal(t, "401", answered.Code)
			assert.Zero(t, result)
		})
	}
	// Base64 has signs that a form would take for something else.
	t.Run("many at once", func(t *testing.T) {
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for range 4 {
					result, err := verifier.Verify(t.Context(), plain("吉", otherNumber))
					assert.NoError(t, err)
					assert.True(t, result.Match())
				}
				_, err := sm2param.New(zhangName, zhangNumber)
				assert.NoError(t, err)
			})
		}
		group.Wait()
	})
}

func plain(userName, identifyNum string) id2meta.Param {
	return id2meta.Param{UserName: userName, IdentifyNum: identifyNum}
}
