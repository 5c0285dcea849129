package sm2param

import (
	"context"
	"errors"

	"github.com/id2meta/id2meta"
)

// Verifier returns a Verifier that encrypts plaintext Params under [PublicKey] and
// passes them to next. So a program can use plaintext Params, for example as keys of a
// cache, and encrypt them last:
//
//	verifier := sm2param.Verifier(client)
//
// The Verifier does not call next for a Param that is already masked or encrypted, or is
// invalid. It returns an *[id2meta.ParamError]. The Verifier is safe for concurrent use
// if next is safe for concurrent use.
func Verifier(next id2meta.Verifier) id2meta.Verifier { return verifier(New, next) }

// Verifier does the same as the function [Verifier], with the key of e.
func (e *Encrypter) Verifier(next id2meta.Verifier) id2meta.Verifier { return verifier(e.Param, next) }

func verifier(encrypt func(userName, identifyNum string) (id2meta.Param, error), next id2meta.Verifier) id2meta.Verifier {
	return id2meta.VerifierFunc(func(ctx context.Context, param id2meta.Param) (id2meta.Result, error) {
		switch {
		case next == nil:
			return id2meta.Result{}, errors.New("sm2param: Verifier: the next Verifier is nil")
		case param.ParamType != "" && param.ParamType != id2meta.ParamTypeNormal:
			return id2meta.Result{}, &id2meta.ParamError{
				Field: "ParamType", Problem: id2meta.ProblemParamType,
				Reason: `it must be "normal" or empty, because sm2param encrypts plaintext`,
			}
		}
		encrypted, err := encrypt(param.UserName, param.IdentifyNum)
		if err != nil {
			return id2meta.Result{}, err
		}
		return next.Verify(ctx, encrypted)
	})
}
