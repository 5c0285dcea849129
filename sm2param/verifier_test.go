package sm2param_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/id2metatest"
	"github.com/id2meta/id2meta/sm2param"
)

func TestVerifierEncryptsOnTheWay(t *testing.T) {
	server, client, encrypter := newSimulator(t)
	server.AddPerson("阿依古丽·买买提", "11010519491231002X")
	verifier := encrypter.Verifier(client)
	for _, test := range []struct {
		name  string
		param id2meta.Param
		want  id2meta.BizCode
	}{
		{"a match", id2meta.Param{UserName: "阿依古丽·买买提", IdentifyNum: "11010519491231002X"}, id2meta.BizCodeMatch},
		{"a match of what people type", id2meta.Param{ParamType: "normal", UserName: " 阿依古丽·买买提", IdentifyNum: "１１０１０５１９４９１２３１００２ｘ"}, id2meta.BizCodeMatch},
		{"a mismatch", id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}, id2meta.BizCodeMismatch},
		{"no record", id2meta.Param{UserName: "张三", IdentifyNum: "440524188001010014"}, id2meta.BizCodeNoRecord},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := verifier.Verify(t.Context(), test.param)
			require.NoError(t, err)
			assert.Equal(t, test.want, result.BizCode)
			calls := server.Calls()
			assert.Equal(t, "sm2", calls[len(calls)-1].ParamType)
		})
	}
	t.Run("an error is that of the next Verifier", func(t *testing.T) {
		server.Inject(id2metatest.Answer("411", ""))
		_, err := verifier.Verify(t.Context(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
		assert.ErrorIs(t, err, id2meta.ErrAccessDenied)
	})
	t.Run("the context is that of the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := verifier.Verify(ctx, id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
		assert.ErrorIs(t, err, context.Canceled)
	})
}

func TestVerifierUnderTheVendorsKey(t *testing.T) {
	var sent id2meta.Param
	verifier := sm2param.Verifier(id2meta.VerifierFunc(func(_ context.Context, param id2meta.Param) (id2meta.Result, error) {
		sent = param
		return id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil
	}))
	result, err := verifier.Verify(t.Context(), id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	require.NoError(t, err)
	assert.True(t, result.Match())
	assert.Equal(t, id2meta.ParamTypeSM2, sent.ParamType)
	assert.NoError(t, sent.Validate())
}

func TestVerifierRefusesBeforeItAsks(t *testing.T) {
	md5, err := id2meta.MD5Param("张三", "11010519491231002X")
	require.NoError(t, err)
	sm2, err := sm2param.New("张三", "11010519491231002X")
	require.NoError(t, err)
	asked := 0
	verifier := sm2param.Verifier(id2meta.VerifierFunc(func(context.Context, id2meta.Param) (id2meta.Result, error) {
		asked++
		return id2meta.Result{}, errors.New("asked")
	}))
	for _, test := range []struct {
		name  string
		param id2meta.Param
		field string
	}{
		{"a masked person", md5, "ParamType"},
		{"an encrypted person", sm2, "ParamType"},
		{"an unknown ParamType", id2meta.Param{ParamType: "张三", UserName: "张三", IdentifyNum: "11010519491231002X"}, "ParamType"},
		{"a wrong number", id2meta.Param{UserName: "张三", IdentifyNum: "110105194912310021"}, "IdentifyNum"},
		{"a masked name that is called normal", id2meta.Param{UserName: md5.UserName, IdentifyNum: "11010519491231002X"}, "UserName"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := verifier.Verify(t.Context(), test.param)
			var e *id2meta.ParamError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.field, e.Field)
			assert.NotEmpty(t, e.Problem)
			assert.ErrorIs(t, err, id2meta.ErrInvalidParam)
			assert.NotContains(t, err.Error(), "张三")
			assert.Zero(t, result)
		})
	}
	assert.Zero(t, asked)
}

func TestVerifierOfNothingIsAnError(t *testing.T) {
	plain := id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}
	_, err := sm2param.Verifier(nil).Verify(t.Context(), plain)
	assert.ErrorContains(t, err, "the next Verifier is nil")
	for _, encrypter := range []*sm2param.Encrypter{nil, {}} {
		_, err = encrypter.Verifier(sm2param.Verifier(nil)).Verify(t.Context(), plain)
		assert.ErrorContains(t, err, "not made by NewEncrypter")
	}
}
