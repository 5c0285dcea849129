package credential

import (
	"errors"
	"regexp"
	"testing"
)

// ours is all that may be said of a provider's failure.
var ours = regexp.MustCompile(`^(the provider failed; its own error may hold secrets and is not shown, call its GetCredential to see it|` +
	`the default chain found none; set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or a profile, a role or a credentials URI)` +
	`( \((it was refused with Code [A-Za-z]+(\.[A-Za-z]{1,20}){0,2}|[a-z/ ]+|Client\.Timeout exceeded)\))?$`)

// FuzzReason: whatever a provider says, only words of this package are let through,
// and codes that STS documents.
func FuzzReason(f *testing.F) {
	for _, seed := range []string{
		"",
		"unable to get credentials from any of the providers in the chain: secret",
		`{"RequestId":"1","Code":"AuthenticationFail.OIDCToken.Expired","Message":"secret"}`,
		`{"Code":"NoPermission.FPHGGYPkzeqEhAnpBZzjVDiPPdKoNp"}`,
		`Post "https://sts.aliyuncs.com/?Signature=secret": dial tcp: connection refused`,
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
