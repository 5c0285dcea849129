package credential

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// ours is all that may be said of a provider's failure.
var ours = func() *regexp.Regexp {
	fixed := []string{providerFailed, chainFoundNone, badConfig, badCredentials, noConfigFile, noCredentials,
		badOIDCToken, secretAlone, noSuchProfile}
	for _, trouble := range troubles {
		fixed = append(fixed, trouble.words)
	}
	for i := range fixed {
		fixed[i] = regexp.QuoteMeta(fixed[i])
	}
	words := `(?:` + strings.Join(fixed, `|`) + `)`
	return regexp.MustCompile(`^` + words + `(; ` + words + `)*` +
		`( \((it was refused with Code [A-Za-z]+(\.[A-Za-z]{1,20}){0,2}|[a-z/ ]+|Client\.Timeout exceeded)\))?$`)
}()

// FuzzReason: whatever a provider says, only words of this package are let through,
// and codes that STS documents.
func FuzzReason(f *testing.F) {
	for _, seed := range []string{
		"",
		"unable to get credentials from any of the providers in the chain: secret",
		`{"RequestId":"1","Code":"AuthenticationFail.OIDCToken.Expired","Message":"secret"}`,
		`{"Code":"NoPermission.FPHGGYPkzeqEhAnpBZzjVDiPPdKoNp"}`,
		`Post "https://sts.aliyuncs.com/?Signature=secret": dial tcp: connection refused`,
		"unable to get credentials from any of the providers in the chain: unmarshal aliyun cli config from '/a' failed: secret, ERROR: Can not open filesecret",
		"reading aliyun cli config from '/a' failed open /a: is a directory",
		"net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if said := reason(errors.New(text)).Error(); !ours.MatchString(said) {
			t.Fatalf("of %q it said %q", text, said)
		}
	})
}
