package sm2param_test

import (
	"context"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/sm2param"
	"github.com/id2meta/id2meta/sm2param/sm2paramtest"
)

// newSimulator starts a simulator that decrypts. It returns a Client for the simulator,
// and an Encrypter for its key.
func newSimulator(t *testing.T) (*id2metatest.Server, *id2meta.Client, *sm2param.Encrypter) {
	t.Helper()
	publicKey, decrypt := sm2paramtest.NewKey()
	server := id2metatest.NewServer(id2metatest.WithSM2Decrypter(decrypt))
	t.Cleanup(server.Close)
	client, err := id2meta.New(server.Options()...)
	require.NoError(t, err)
	return server, client, newEncrypter(t, publicKey)
}

func TestVerdictsAreThoseOfPlaintext(t *testing.T) {
	server, client, encrypter := newSimulator(t)
	server.AddPerson("阿依古丽·买买提", zhangNumber)
	server.AddPerson("𠮷野", "110105194912310046")
	server.AddPerson("吉", otherNumber)
	verifier := encrypter.Verifier(client)
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
	t.Run("an error is that of the next Verifier", func(t *testing.T) {
		server.Inject(id2metatest.Answer("411", ""))
		_, err := verifier.Verify(t.Context(), plain(zhangName, zhangNumber))
		assert.ErrorIs(t, err, id2meta.ErrAccessDenied)
	})
	t.Run("the context is that of the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := verifier.Verify(ctx, plain(zhangName, zhangNumber))
		assert.ErrorIs(t, err, context.Canceled)
	})
}

// Base64 has signs that a form would take for something else.
func TestManyAtOnce(t *testing.T) {
	server, client, encrypter := newSimulator(t)
	server.AddPerson(zhangName, zhangNumber)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 4 {
				result, err := encrypter.Verifier(client).Verify(t.Context(), plain(zhangName, zhangNumber))
				assert.NoError(t, err)
				assert.True(t, result.Match())
			}
			_, err := sm2param.New(zhangName, zhangNumber)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
}

func TestCiphertextsThatAreRefused(t *testing.T) {
	server, client, encrypter := newSimulator(t)
	server.AddPerson(zhangName, zhangNumber)
	good, err := encrypter.Param(zhangName, zhangNumber)
	require.NoError(t, err)
	vendors, err := sm2param.New(zhangName, zhangNumber)
	require.NoError(t, err)
	for name, tamper := range map[string]func(*id2meta.Param){
		"under the vendor's key":     func(p *id2meta.Param) { *p = vendors },
		"the name under another key": func(p *id2meta.Param) { p.UserName = vendors.UserName },
		"name and number swapped":    func(p *id2meta.Param) { p.UserName, p.IdentifyNum = p.IdentifyNum, p.UserName },
	} {
		t.Run(name, func(t *testing.T) {
			param := good
			tamper(&param)
			require.NoError(t, param.Validate(), "it would not be sent")
			before := len(server.Calls())
			result, err := client.Verify(t.Context(), param)
			require.ErrorIs(t, err, id2meta.ErrInvalidParam)
			var apiError *id2meta.APIError
			require.ErrorAs(t, err, &apiError)
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
}

func plain(userName, identifyNum string) id2meta.Param {
	return id2meta.Param{UserName: userName, IdentifyNum: identifyNum}
}
