package sm2param_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/sm2param"
)

func TestVerifierEncryptsAndPassesOnEverythingElse(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer := id2meta.Result{BizCode: id2meta.BizCodeMatch, RequestID: "R-1"}
	verifier := sm2param.Verifier(id2meta.VerifierFunc(func(got context.Context, param id2meta.Param) (id2meta.Result, error) {
		assert.Equal(t, ctx, got)
		assert.Equal(t, id2meta.ParamTypeSM2, param.ParamType)
		assert.NoError(t, param.Validate())
		return answer, id2meta.ErrAccessDenied
	}))
	result, err := verifier.Verify(ctx, plain(zhangName, zhangNumber))
	assert.Equal(t, answer, result)
	assert.ErrorIs(t, err, id2meta.ErrAccessDenied)
}

func TestVerifierRefusesBeforeItAsks(t *testing.T) {
	md5, err := id2meta.MD5Param(zhangName, zhangNumber)
	require.NoError(t, err)
	sm2, err := sm2param.New(zhangName, zhangNumber)
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
		{"an unknown ParamType", id2meta.Param{ParamType: zhangName, UserName: zhangName, IdentifyNum: zhangNumber}, "ParamType"},
		{"a wrong number", plain(zhangName, "110105194912310021"), "IdentifyNum"},
		{"a masked name that is called normal", plain(md5.UserName, zhangNumber), "UserName"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := verifier.Verify(t.Context(), test.param)
			var e *id2meta.ParamError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.field, e.Field)
			assert.NotEmpty(t, e.Problem)
			assert.ErrorIs(t, err, id2meta.ErrInvalidParam)
			assert.NotContains(t, err.Error(), zhangName)
			assert.Zero(t, result)
		})
	}
	assert.Zero(t, asked)
}

func TestVerifierOfNothingIsAnError(t *testing.T) {
	_, err := sm2param.Verifier(nil).Verify(t.Context(), plain(zhangName, zhangNumber))
	assert.ErrorContains(t, err, "the next Verifier is nil")
	for _, encrypter := range []*sm2param.Encrypter{nil, {}} {
		_, err = encrypter.Verifier(sm2param.Verifier(nil)).Verify(t.Context(), plain(zhangName, zhangNumber))
		assert.ErrorContains(t, err, "not made by NewEncrypter")
	}
}
