package id2meta_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"

	"github.com/id2meta/id2meta"
)

// A service can be tested without the network: the service depends on the interface
// [id2meta.Verifier], and its tests use a mock instead of a Client.

// payouts is such a service. It pays only to people who were verified.
type payouts struct {
	verifier id2meta.Verifier
	paid     int
}

var errNotVerified = errors.New("not verified")

func (p *payouts) pay(ctx context.Context, name, number string, amount int) error {
	result, err := p.verifier.Verify(ctx, id2meta.Param{UserName: name, IdentifyNum: number})
	if err != nil {
		return err
	}
	if !result.Match() {
		return errNotVerified
	}
	p.paid += amount
	return nil
}

// mockVerifier is a Verifier with testify's expectations.
type mockVerifier struct{ mock.Mock }

func (m *mockVerifier) Verify(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
	args := m.Called(ctx, param)
	return args.Get(0).(id2meta.Result), args.Error(1)
}

func TestServiceWithMockVerifier(t *testing.T) {
	for _, test := range []struct {
		name   string
		result id2meta.Result
		err    error
		paid   int
		want   error
	}{
		{"a match is paid", id2meta.Result{BizCode: id2meta.BizCodeMatch}, nil, 100, nil},
		{"a mismatch is not paid", id2meta.Result{BizCode: id2meta.BizCodeMismatch}, nil, 0, errNotVerified},
		{"no record is not paid", id2meta.Result{BizCode: id2meta.BizCodeNoRecord}, nil, 0, errNotVerified},
		{"a throttled call is not paid", id2meta.Result{}, &id2meta.APIError{Code: "Throttling.User"}, 0, id2meta.ErrThrottled},
		{"an invalid number is not paid", id2meta.Result{}, &id2meta.ParamError{Field: "IdentifyNum", Reason: "it is empty"}, 0, id2meta.ErrInvalidParam},
		{"the zero Result is not paid", id2meta.Result{}, nil, 0, errNotVerified},
	} {
		t.Run(test.name, func(t *testing.T) {
			verifier := new(mockVerifier)
			verifier.On("Verify", mock.Anything, zhangSan).Return(test.result, test.err).Once()
			service := &payouts{verifier: verifier}
			err := service.pay(t.Context(), zhangName, zhangNumber, 100)
			assert.ErrorIs(t, err, test.want)
			assert.Equal(t, test.paid, service.paid)
			verifier.AssertExpectations(t)
		})
	}
}

func TestVerifierFuncIsAVerifier(t *testing.T) {
	asked := errors.New("asked")
	var verifier id2meta.Verifier = id2meta.VerifierFunc(func(_ context.Context, param id2meta.Param) (id2meta.Result, error) {
		assert.Equal(t, zhangSan, param)
		return id2meta.Result{RequestID: "1"}, asked
	})
	result, err := verifier.Verify(t.Context(), zhangSan)
	assert.ErrorIs(t, err, asked)
	assert.Equal(t, "1", result.RequestID)
}
