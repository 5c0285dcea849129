package credential

import (
	"context"
	"errors"

	"github.com/alibabacloud-go/tea/dara"
	"github.com/aliyun/credentials-go/credentials"
)

// errFunc replaces every error of a KeyFunc.
var errFunc = errors.New("the function that gives the access key failed; its own error may hold secrets and is not shown")

// askProvider returns the key of a provider. It copies the strings, because the
// provider may change its model at the next call. It does not copy ProviderName,
// because nothing needs it.
func askProvider(provider credentials.Credential) (Key, error) {
	model, err := provider.GetCredential()
	if err != nil {
		return Key{}, reason(err)
	}
	if model == nil {
		return Check(Key{})
	}
	return Check(Key{
		Type:            dara.StringValue(model.Type),
		AccessKeyID:     dara.StringValue(model.AccessKeyId),
		AccessKeySecret: dara.StringValue(model.AccessKeySecret),
		SecurityToken:   dara.StringValue(model.SecurityToken),
		BearerToken:     dara.StringValue(model.BearerToken),
	})
}

// askFunc returns the key of f. The context of f does not belong to any caller.
func askFunc(f func(ctx context.Context) (Key, error)) (Key, error) {
	ctx, cancel := context.WithTimeout(context.Background(), funcTimeout)
	defer cancel()
	key, err := f(ctx)
	if err != nil {
		return Key{}, errFunc
	}
	return Check(key)
}
