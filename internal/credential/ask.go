package credential

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alibabacloud-go/tea/dara"
	"github.com/aliyun/credentials-go/credentials"
)

// askProvider returns a copy of provider's answer, which is read while the
// provider may be at work on the next. It leaves out ProviderName: how a program gets
// its keys is nobody's business.
func askProvider(provider credentials.Credential) (*credentials.CredentialModel, error) {
	model, err := provider.GetCredential()
	if err != nil {
		return nil, reason(err)
	}
	if !usable(model) {
		return nil, errors.New("the provider gave neither an access key with its secret nor a token")
	}
	return &credentials.CredentialModel{
		AccessKeyId:     clone(model.AccessKeyId),
		AccessKeySecret: clone(model.AccessKeySecret),
		SecurityToken:   clone(model.SecurityToken),
		BearerToken:     clone(model.BearerToken),
		Type:            clone(model.Type),
	}, nil
}

func clone(s *string) *string {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}

func usable(model *credentials.CredentialModel) bool {
	if model == nil {
		return false
	}
	switch dara.StringValue(model.Type) {
	case "bearer":
		return dara.StringValue(model.BearerToken) != ""
	case "id_token":
		return dara.StringValue(model.SecurityToken) != ""
	}
	return dara.StringValue(model.AccessKeyId) != "" && dara.StringValue(model.AccessKeySecret) != ""
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
