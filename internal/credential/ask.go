package credential

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alibabacloud-go/tea/dara"
	"github.com/aliyun/credentials-go/credentials"
)

// errFunc stands for every error of a Func.
var errFunc = errors.New("the function that gives the access key failed; its own error may hold secrets and is not shown")

// askProvider returns the key of a provider. It copies the strings, because the
// provider may change its model when it is asked next. It leaves out ProviderName:
// how a program gets its keys is nobody's business.
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

// askFunc returns the key that f gives.
func askFunc(f func(ctx context.Context) (Key, error)) (Key, error) {
	ctx, cancel := context.WithTimeout(context.Background(), funcTimeout)
	defer cancel()
	key, err := f(ctx)
	if err != nil {
		return Key{}, errFunc
	}
	return Check(key)
}

// stsCode finds the code in an answer of STS, if it is one that STS documents
// (vendor's page "STS 错误码"): any other word might be anything.
var stsCode = regexp.MustCompile(`"Code"\s*:\s*"((?:AuthenticationFail|EntityNotExist|Forbidden|IncompleteSignature|` +
	`InternalError|InvalidAccessKeyId|InvalidParameter|InvalidSecurityToken|InvalidTimeStamp|MissingSecurityToken|` +
	`NoPermission|ServiceUnavailable|SignatureDoesNotMatch|SignatureNonceUsed|Throttling)(?:\.[A-Za-z]{1,20}){0,2})"`)

// reason says why a provider failed in words of our own. The provider's error holds
// addresses with the access key and the signature in them, and answers with tokens,
// so nothing else of it is let through.
func reason(err error) error {
	text := err.Error()
	reason := "the provider failed; its own error may hold secrets and is not shown, call its GetCredential to see it"
	if strings.Contains(text, "any of the providers in the chain") {
		reason = "the default chain found none; set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or a profile, a role or a credentials URI"
	}
	if code := stsCode.FindStringSubmatch(text); code != nil {
		return fmt.Errorf("%s (it was refused with Code %s)", reason, code[1])
	}
	for _, symptom := range []string{
		"connection refused", "connection reset", "no such host", "network is unreachable",
		"i/o timeout", "Client.Timeout exceeded", "context deadline exceeded",
		"certificate signed by unknown authority", "no such file or directory", "permission denied",
	} {
		if strings.Contains(text, symptom) {
			return fmt.Errorf("%s (%s)", reason, symptom)
		}
	}
	return errors.New(reason)
}
