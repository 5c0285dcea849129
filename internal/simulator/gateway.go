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

// failure is an answer of the gateway, which stands in front of the API and
// speaks in HTTP status codes and in words.
type failure struct {
	status        int
	code, message string
}

// Codes and messages are those of the vendor's public error codes. The statuses
// 404, and the 400 of InvalidVersion, SignatureDoesNotMatch, IncompleteSignature
// and MissingSecurityToken, are from published answers of the real gateway. The
// other statuses are what these suggest.
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

// admit is the gateway: it returns nil for a request that may pass. s.mu is
// held.
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
	now := time.Now()
	date, err := time.Parse(time.RFC3339, p.timestamp)
	if err != nil {
		return malformedTimestamp
	}
	if now.Sub(date).Abs() > dateWindow {
		return expiredTimestamp
	}
	if !hmac.Equal([]byte(p.signature), []byte(p.expected(cred.secret))) {
		return signatureDoesNotMatch(p.hint)
	}
	if p.nonce == "" && p.scheme == hmacSHA1 {
		return missingNonce
	}
	// Only now: a forged request must not use up a nonce of the real owner.
	if p.nonce != "" && !s.nonces.use(p.accessKeyID, p.nonce, now) {
		return nonceUsed
	}
	return nil
}

// signatureDoesNotMatch repeats what the gateway signed, the person included, in
// the wording of published answers. Whoever signs by hand compares it with their
// own; the vendor's older SDKs do, and say that the secret is wrong if the two
// are the same.
func signatureDoesNotMatch(hint string) *failure {
	return &failure{http.StatusBadRequest, "SignatureDoesNotMatch", hint}
}

// nonceMemory remembers the nonces for as long as a request that repeats one
// could still have a valid date: from a date that is 15 minutes ahead to one
// that is 15 minutes old.
type nonceMemory struct {
	used  map[nonceKey]bool
	queue []usedNonce // in order of use
}

type nonceKey struct{ accessKeyID, nonce string }

type usedNonce struct {
	nonceKey
	at time.Time
}

// use reports whether the nonce is new.
func (m *nonceMemory) use(accessKeyID, nonce string, now time.Time) bool {
	for len(m.queue) > 0 && now.Sub(m.queue[0].at) > 2*dateWindow {
		delete(m.used, m.queue[0].nonceKey)
		m.queue = m.queue[1:]
	}
	key := nonceKey{accessKeyID, nonce}
	if m.used[key] {
		return false
	}
	if m.used == nil {
		m.used = map[nonceKey]bool{}
	}
	m.used[key] = true
	m.queue = append(m.queue, usedNonce{key, now})
	return true
}
