package sm2param_test

import (
	"encoding/hex"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/sm2param"
	"github.com/id2meta/id2meta/sm2param/sm2paramtest"
)

const (
	zhangName   = "张三"
	zhangNumber = "11010519491231002X"
	otherNumber = "440524188001010014"
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
	encrypter, err := sm2param.NewEncrypter(publicKey)
	require.NoError(t, err)
	return server, client, encrypter
}

func TestNewKey(t *testing.T) {
	publicKey, _ := sm2paramtest.NewKey()
	key, err := hex.DecodeString(publicKey)
	require.NoError(t, err)
	assert.Len(t, key, 33)
	assert.Contains(t, []byte{2, 3}, key[0], "a compressed point")
	another, _ := sm2paramtest.NewKey()
	assert.NotEqual(t, publicKey, another)
}

func TestVerdictOnAnEncryptedPerson(t *testing.T) {
	server, client, encrypter := newSimulator(t)
	server.AddPerson(zhangName, zhangNumber)
	server.AddPerson("𠮷野", "110105194912310046")
	server.AddPerson("吉", otherNumber)
	for _, test := range []struct {
		name, userName, identifyNum string
		want                        id2meta.BizCode
	}{
		{"a name and its number match", zhangName, zhangNumber, id2meta.BizCodeMatch},
		{"a name outside the BMP matches", "𠮷野", "110105194912310046", id2meta.BizCodeMatch},
		{"a name of one character matches", "吉", otherNumber, id2meta.BizCodeMatch},
		{"another name does not match", "李四", zhangNumber, id2meta.BizCodeMismatch},
		{"an unknown number has no record", zhangName, "110105199003070017", id2meta.BizCodeNoRecord},
	} {
		t.Run(test.name, func(t *testing.T) {
			param, err := encrypter.Param(test.userName, test.identifyNum)
			require.NoError(t, err)
			result, err := client.Verify(t.Context(), param)
			require.NoError(t, err)
			assert.Equal(t, test.want, result.BizCode)
			calls := server.Calls()
			last := calls[len(calls)-1]
			assert.Equal(t, "sm2", last.ParamType)
			assert.True(t, last.Billed)
			assert.Equal(t, 1, server.Billed(test.userName, test.identifyNum), "the record knows the person of the plaintext")
		})
	}
}

func TestManyEncryptedAtOnce(t *testing.T) {
	server, client, encrypter := newSimulator(t)
	server.AddPerson(zhangName, zhangNumber)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			param, err := encrypter.Param(zhangName, zhangNumber)
			if !assert.NoError(t, err) {
				return
			}
			result, err := client.Verify(t.Context(), param)
			assert.NoError(t, err)
			assert.True(t, result.Match())
		})
	}
	wg.Wait()
}
