package simulator

import (
	"crypto/hmac"
	"net/http"
	"time"
)

const (
	action  = "Id2MetaVerify"
	version = "2019-03-07"
)

// dateWindow is how far a request's date may be from the gateway's clock.
const dateWindow = 15 * time.Minute

// failure is an answer of the gateway in front of the API. The gateway answers with HTTP
// status codes, and its Codes are words.
type failure struct {
	status        int
	code, message string
}

// Codes and messages are from the vendor's list of public error codes. Published answers
// of the real gateway show the status 404, and the status 400 for InvalidVersion,
// SignatureDoesNotMatch, IncompleteSignature and MissingSecurityToken. The other statuses
// are guesses.
var (
	unsupportedMethod = &failure{http.StatusMethodNotAllowed, "UnsupportedHTTPMethod", "This http method is not supported."}
	actionNotFound    = &failure{http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."}
	invalidVersion    = &failure{http.StatusBadRequest, "InvalidVersion", "Specified parameter Version is not valid."}

	missingAccessKeyID  = &failure{http.StatusBadRequest, "MissingAccessKeyId", "AccessKeyId is mandatory for this action."}
	accessKeyNotFound   = &failure{http.StatusNotFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found."}
	incompleteSignature = &failure{http.StatusBadRequest, "IncompleteSignature", "The request signature does not conform to Aliyun standards."}
	invalidMethod       = &failure{http.StatusBadRequest, "InvalidSignatureMethod", "Specified signature method is not valid."}

	missingSecurityToken  = &failure{http.StatusBadRequest, "MissingSecurityToken", "SecurityToken is mandatory for this action."}
	mismatchSecurityToken = &failure{http.StatusBadRequest, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey."}

	malformedTimestamp = &failure{http.StatusBadRequest, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."}
	expiredTimestamp   = &failure{http.StatusBadRequest, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."}

	missingNonce = &failure{http.StatusBadRequest, "MissingSignatureNonce", "SignatureNonce is mandatory for this action."}
	nonceUsed    = &failure{http.StatusBadRequest, "SignatureNonceUsed", "Specified signature nonce was used already."}
)

// admit makes the gateway's checks. It returns nil for a request that may pass. The
// caller holds s.mu.
func (s *Simulator) admit(r request, p proof) *failure {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return unsupportedMethod
	}
	if r.action() != action || r.URL.Path != "/" {
		return actionNotFound
	}
	if r.version() != version {
		return invalidVersion
	}
	cred, ok := s.credentials[p.accessKeyID]
	if !ok {
		return accessKeyNotFound
	}
	if p.securityToken == "" && cred.securityToken != "" {
		return missingSecurityToken
	}
	if !hmac.Equal([]byte(p.securityToken), []byte(cred.securityToken)) {
		return mismatchSecurityToken
	}
	date, err := time.Parse(time.RFC3339, p.timestamp)
	if err != nil {
		return malformedTimestamp
	}
	if time.Since(date).Abs() > dateWindow {
		return expiredTimestamp
	}
	if !hmac.Equal([]byte(p.signature), []byte(p.expected(cred.secret))) {
		return &failure{http.StatusBadRequest, "SignatureDoesNotMatch", p.hint}
	}
	if p.nonce == "" && p.scheme == hmacSHA1 {
		return missingNonce
	}
	// This check is the last, because a forged request must not use up a nonce of the
	// real owner.
	if p.nonce != "" && !s.nonces.use(p.accessKeyID, p.nonce) {
		return nonceUsed
	}
	return nil
}
