package main

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

func hashOf(t *testing.T, h hasher, name, number string) string {
	t.Helper()
	p, err := id2meta.Param{UserName: name, IdentifyNum: number}.Normalize()
	require.NoError(t, err)
	return hex.EncodeToString(h.person(p))
}

func TestPersonHash(t *testing.T) {
	h := newHasher([]byte("key"), "service")
	same := hashOf(t, h, "张三", "11010519491231002X")
	for _, c := range []struct{ sentence, name, number string }{
		{"a small x is the same person", "张三", "11010519491231002x"},
		{"full-width digits are the same person", "张三", "１１０１０５１９４９１２３１００２Ｘ"},
		{"white space around is the same person", " 张三\t", "\n11010519491231002X　"},
	} {
		t.Run(c.sentence, func(t *testing.T) { require.Equal(t, same, hashOf(t, h, c.name, c.number)) })
	}
	t.Run("another name is another person", func(t *testing.T) {
		require.NotEqual(t, same, hashOf(t, h, "李四", "11010519491231002X"))
	})
	t.Run("another number is another person", func(t *testing.T) {
		require.NotEqual(t, same, hashOf(t, h, "张三", "440524188001010014"))
	})
	t.Run("another key gives another hash", func(t *testing.T) {
		require.NotEqual(t, same, hashOf(t, newHasher([]byte("yek"), "service"), "张三", "11010519491231002X"))
	})
	t.Run("the simulator's hash is not the service's", func(t *testing.T) {
		require.NotEqual(t, same, hashOf(t, newHasher([]byte("key"), "simulator"), "张三", "11010519491231002X"))
	})
	t.Run("a letter that moves from one field to the next changes the hash", func(t *testing.T) {
		require.NotEqual(t, h.sum("p", "ab", "c"), h.sum("p", "a", "bc"))
		require.NotEqual(t, h.sum("p", "ab"), h.sum("pa", "b"))
	})
	t.Run("an idempotency key and a person are never the same", func(t *testing.T) {
		require.NotEqual(t, h.sum("person", "x"), h.idempotencyKey("x"))
	})
}

func TestParseHashKey(t *testing.T) {
	good := strings.Repeat("0f", 32)
	for _, c := range []struct {
		sentence, text string
		live           bool
		wrong          string
	}{
		{"32 bytes are taken", good, true, ""},
		{"none is refused", "", true, "is not set"},
		{"none will do for the simulator", "", false, ""},
		{"31 bytes are refused", good[2:], true, "too short"},
		{"31 bytes are refused for the simulator, too", good[2:], false, "too short"},
		{"an odd number of digits is refused", good + "f", true, "hex digits"},
		{"what is not hex is refused", "secret" + good, true, "hex digits"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			key, err := parseHashKey(c.text, c.live)
			if c.wrong == "" {
				require.NoError(t, err)
				require.GreaterOrEqual(t, len(key), 16)
				return
			}
			require.ErrorContains(t, err, hashKeyVariable)
			require.ErrorContains(t, err, c.wrong)
			require.NotContains(t, err.Error(), "0f0f")
			require.NotContains(t, err.Error(), "secret")
		})
	}
}
