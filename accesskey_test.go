package id2meta_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
)

func TestWithAccessKey(t *testing.T) {
	server := newServer(t)
	server.AddCredential("STS.id", "sts-secret", "sts-token")
	for _, test := range []struct {
		name string
		key  id2meta.AccessKey
	}{
		{"a permanent key", id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}},
		{"a key of STS", id2meta.AccessKey{ID: "STS.id", Secret: "sts-secret", SecurityToken: "sts-token"}},
		{"white space around its fields", id2meta.AccessKey{ID: " STS.id\n", Secret: "sts-secret\r\n", SecurityToken: "\tsts-token\n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := newClient(t, []string{server.Endpoint()}, id2meta.WithAccessKey(test.key))
			result, err := client.Verify(t.Context(), zhangSan)
			require.NoError(t, err)
			assert.True(t, result.Match())
		})
	}
	t.Run("the last of WithAccessKey and WithCredential counts", func(t *testing.T) {
		wrong := id2meta.WithAccessKey(id2meta.AccessKey{ID: "wrong", Secret: "wrong"})
		right := server.Options()
		client, err := id2meta.New(append([]id2meta.Option{wrong}, right...)...)
		require.NoError(t, err)
		_, err = client.Verify(t.Context(), zhangSan)
		assert.NoError(t, err)
		client, err = id2meta.New(append(right, wrong)...)
		require.NoError(t, err)
		_, err = client.Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, id2meta.ErrCredential)
	})
}

func TestWithAccessKeyFunc(t *testing.T) {
	server := newServer(t)
	server.AddCredential("second", "second-secret", "")
	first := id2meta.AccessKey{ID: id2metatest.AccessKeyID, Secret: id2metatest.AccessKeySecret}

	t.Run("a changed key counts at the next call", func(t *testing.T) {
		var current atomic.Pointer[id2meta.AccessKey]
		current.Store(&first)
		client := newClient(t, []string{server.Endpoint()}, id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) {
			return *current.Load(), nil
		}))
		for range 3 {
			for _, key := range []id2meta.AccessKey{first, {ID: "second", Secret: "second-secret"}} {
				current.Store(&key)
				_, err := client.Verify(t.Context(), zhangSan)
				require.NoError(t, err)
				calls := server.Calls()
				assert.Equal(t, key.ID, calls[len(calls)-1].AccessKeyID)
			}
		}
	})
	t.Run("an error of the function is an ErrCredential that does not show the text of the error", func(t *testing.T) {
		client := newClient(t, []string{server.Endpoint()}, id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) {
			return id2meta.AccessKey{}, errors.New("vault answered with open-sesame")
		}))
		_, err := client.Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, id2meta.ErrCredential)
		assert.NotContains(t, fmt.Sprintf("%+v", err), "open-sesame")
	})
	t.Run("a panic of the function is an ErrCredential", func(t *testing.T) {
		client := newClient(t, []string{server.Endpoint()}, id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) {
			panic("open-sesame")
		}))
		_, err := client.Verify(t.Context(), zhangSan)
		assert.ErrorIs(t, err, id2meta.ErrCredential)
		assert.NotContains(t, err.Error(), "open-sesame")
	})
	for name, key := range map[string]id2meta.AccessKey{
		"ID":     {Secret: "s"},
		"secret": {ID: "i"},
		"token":  {ID: "i", Secret: "s", SecurityToken: "open\nsesame"},
	} {
		t.Run("an incomplete or broken key is an ErrCredential that names the "+name, func(t *testing.T) {
			client := newClient(t, []string{server.Endpoint()}, id2meta.WithAccessKeyFunc(func(context.Context) (id2meta.AccessKey, error) {
				return key, nil
			}))
			_, err := client.Verify(t.Context(), zhangSan)
			assert.ErrorIs(t, err, id2meta.ErrCredential)
			assert.NotErrorIs(t, err, id2meta.ErrMaybeBilled)
			assert.ErrorContains(t, err, name)
			assert.NotContains(t, err.Error(), "sesame")
		})
	}
	t.Run("a caller who waits for the function returns when the context of the caller ends", func(t *testing.T) {
		client := newClient(t, []string{server.Endpoint()}, id2meta.WithAccessKeyFunc(func(ctx context.Context) (id2meta.AccessKey, error) {
			<-ctx.Done() // the context of the function, which ends later
			return id2meta.AccessKey{}, ctx.Err()
		}))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := client.Verify(ctx, zhangSan)
		assert.ErrorIs(t, err, context.Canceled)
	})
}

func TestAnAccessKeyShowsNothing(t *testing.T) {
	key := id2meta.AccessKey{ID: "LTAI-open", Secret: "sesame", SecurityToken: "token-open"}
	type config struct{ Key id2meta.AccessKey }
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		fmt.Fprintf(&shown, verb+"\n", key)
		fmt.Fprintf(&shown, verb+"\n", &key)
		fmt.Fprintf(&shown, verb+"\n", config{key})
		fmt.Fprintf(&shown, verb+"\n", []id2meta.AccessKey{key})
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(handler).Info("key", "key", key, "pointer", &key, "config", config{key})
	}
	require.NoError(t, json.NewEncoder(&shown).Encode(config{key}))
	require.NoError(t, xml.NewEncoder(&shown).Encode(config{key}))
	for _, secret := range []string{"open", "sesame", "LTAI", "6f70656e", "736573616d65"} {
		assert.NotContains(t, shown.String(), secret)
	}
	assert.Contains(t, shown.String(), "***")

	t.Run("but a JSON decoder can fill it", func(t *testing.T) {
		var c config
		require.NoError(t, json.Unmarshal([]byte(`{"Key":{"ID":"i","Secret":"s","SecurityToken":"t"}}`), &c))
		assert.True(t, c.Key == id2meta.AccessKey{ID: "i", Secret: "s", SecurityToken: "t"})
	})
}
