package credential

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// The words for a failure without a known cause.
const (
	providerFailed = "the provider failed; its own error may hold secrets and is not shown, call its GetCredential to see it"
	chainFoundNone = "the default chain found none; set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or a profile, a role or a credentials URI"
)

// The words for a source that exists and cannot be used.
const (
	signInExpired  = "the sign-in of a CLI profile has expired or was refused: sign in again with aliyun configure"
	noSuchProfile  = "no such profile: see ALIBABA_CLOUD_PROFILE, and the names in the file of profiles"
	unknownProfile = "a profile has no type, or a type that is not supported"
	halfKeyPair    = "half a key pair: a profile has an access key ID without its secret"
	noKeyID        = "half a key pair, or none: a profile has no access key ID"
	ownSource      = "a profile names itself as its source"
	noToken        = "a profile for an STS token has no token"
	halfProfile    = "half a key pair, or another value that is missing or empty in the profile of the credentials file"
	commandFailed  = "the external command of a CLI profile failed, or did not print a key"
	brokenConfig   = "unreadable file: the CLI's configuration is not JSON of the expected kind"
	badConfig      = "unreadable file: the CLI's configuration cannot be read"
	badCredentials = "unreadable file: the credentials file cannot be read, or is no INI file"
	noConfigFile   = "unreadable file: there is no file where ALIBABA_CLOUD_CONFIG_FILE says"
	noCredentials  = "unreadable file: there is no file where ALIBABA_CLOUD_CREDENTIALS_FILE says"
	badOIDCToken   = "unreadable file: the file of ALIBABA_CLOUD_OIDC_TOKEN_FILE cannot be read"
	idAlone        = "half a key pair: ALIBABA_CLOUD_ACCESS_KEY_ID is set, and ALIBABA_CLOUD_ACCESS_KEY_SECRET is not"
	secretAlone    = "half a key pair: ALIBABA_CLOUD_ACCESS_KEY_SECRET is set, and ALIBABA_CLOUD_ACCESS_KEY_ID is not"
)

// troubles maps the error texts of credentials-go v1.4.14 to words of this package.
var troubles = []struct {
	sign  *regexp.Regexp
	words string
}{
	{regexp.MustCompile(`Access key secret must be specified via environment variable`), idAlone},
	{regexp.MustCompile(`CloudSSO access token is empty or expired|get session token from sso failed|` +
		`failed to refresh token, status code: 4|failed to refresh token from OAuth|get session token from OAuth failed`), signInExpired},
	{regexp.MustCompile(`unable to get profile with|no any configured profiles in|ERROR: Can not load section`), noSuchProfile},
	{regexp.MustCompile(`unsupported profile mode|ERROR: Can not find credential type|ERROR: Failed to get credential`), unknownProfile},
	{regexp.MustCompile(`the access key secret is empty`), halfKeyPair},
	{regexp.MustCompile(`the access key id is empty`), noKeyID},
	{regexp.MustCompile(`the security token is empty`), noToken},
	{regexp.MustCompile(`ERROR: Value can't be empty|ERROR: Failed to get value`), halfProfile},
	{regexp.MustCompile(`process_command|external command|command process timed out|invalid (?:StsToken )?credential response`), commandFailed},
}

// chainSign begins the error of a chain that found no key.
const chainSign = "unable to get credentials from any of the providers in the chain"

// profilesSign begins the error about a credentials file that cannot be opened or parsed.
const profilesSign = "ERROR: Can not open file"

// missing matches the words of operating systems for a file that does not exist.
var missing = regexp.MustCompile(`^(?:no such file or directory|The system cannot find the (?:file|path) specified)`)

// stsCode finds a documented code in an answer of STS (vendor's page "STS 错误码"). Any
// other word is not shown, because it may be a secret.
var stsCode = regexp.MustCompile(`"Code"\s*:\s*"((?:AuthenticationFail|EntityNotExist|Forbidden|IncompleteSignature|` +
	`InternalError|InvalidAccessKeyId|InvalidParameter|InvalidSecurityToken|InvalidTimeStamp|MissingSecurityToken|` +
	`NoPermission|ServiceUnavailable|SignatureDoesNotMatch|SignatureNonceUsed|Throttling)(?:\.[A-Za-z]{1,20}){0,2})"`)

// symptoms are error texts of the network and the operating system. They hold no
// secret.
var symptoms = []string{
	"connection refused", "connection reset", "no such host", "network is unreachable",
	"i/o timeout", "Client.Timeout exceeded", "context deadline exceeded",
	"certificate signed by unknown authority",
}

// fileSymptoms are error texts about files. An error of the default chain does not show
// them, because the chain looks for files that few machines have.
var fileSymptoms = []string{"no such file or directory", "permission denied"}

// trouble is an error in words of this package. It holds no secret.
type trouble string

func (t trouble) Error() string { return string(t) }

// reason says in words of this package why a provider failed. It shows nothing else of
// the provider's error, because that error may hold URLs with the access key and the
// signature, answers with tokens, and whole configuration files.
func reason(err error) error {
	text := err.Error()
	said, visible := providerFailed, append(fileSymptoms, symptoms...)
	found := troublesIn(text)
	if own, ok := errors.AsType[trouble](err); ok {
		found = append(found, string(own))
	}
	if strings.Contains(text, chainSign) {
		said, visible = chainFoundNone, symptoms
		found = append(found, troublesOfChain(text, found)...)
	}
	if found != nil {
		said = strings.Join(found, "; ")
	}
	if code := stsCode.FindStringSubmatch(text); code != nil {
		return fmt.Errorf("%s (it was refused with Code %s)", said, code[1])
	}
	for _, symptom := range visible {
		if strings.Contains(text, symptom) {
			return fmt.Errorf("%s (%s)", said, symptom)
		}
	}
	return errors.New(said)
}

// troublesIn returns what is wrong with the sources that exist and cannot be used. The
// default chain has several sources, and the operator may have meant any of them.
func troublesIn(text string) (found []string) {
	for _, trouble := range troubles {
		if trouble.sign.MatchString(text) {
			found = append(found, trouble.words)
		}
	}
	if strings.Contains(text, profilesSign) && !missesProfiles(text) {
		found = append(found, badCredentials)
	}
	return found
}

// troublesOfChain returns what is wrong with the sources that an environment variable
// names. The chain also looks for files that few machines have, so a missing file is a
// trouble only if a variable names it. found are the other troubles.
func troublesOfChain(text string, found []string) (more []string) {
	if missesProfiles(text) && os.Getenv("ALIBABA_CLOUD_CREDENTIALS_FILE") != "" {
		more = append(more, noCredentials)
	}
	if file := os.Getenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE"); file != "" && strings.Contains(text, "open "+file+": ") {
		more = append(more, badOIDCToken)
	}
	if os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID") == "" && os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET") != "" {
		more = append(more, secretAlone)
	}
	if found == nil && more == nil && missesProfiles(text) && os.Getenv("ALIBABA_CLOUD_PROFILE") != "" {
		more = append(more, noSuchProfile)
	}
	return more
}

// missesProfiles reports whether there is no credentials file.
func missesProfiles(text string) bool {
	_, text, _ = strings.Cut(text, profilesSign)
	opened, reason, _ := strings.Cut(text, ": ")
	return strings.HasPrefix(opened, "open ") && missing.MatchString(reason)
}
