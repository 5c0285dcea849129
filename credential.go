package id2meta

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/alibabacloud-go/tea/dara"
	"github.com/aliyun/credentials-go/credentials"
	"github.com/aliyun/credentials-go/credentials/providers"
)

const (
	// credentialLifetime is how long the provider's answer is used before it is
	// asked again. It is short because only the provider knows when a credential
	// ends, and long enough that most calls find the answer there and start no
	// goroutine. After a failure that credentialGrace covers it is the time to
	// the next question.
	credentialLifetime = time.Second

	// credentialPatience is how long callers who have an earlier answer wait for
	// a new one. Most providers answer from memory, so that what changed there
	// is used by the next call; one that renews over the network holds nobody
	// up for longer than this.
	credentialPatience = 100 * time.Millisecond

	// credentialGrace is how long an answer may be used after the provider last
	// gave it, while the provider is slow or fails. The providers of
	// credentials-go renew what ends within 180 s, so a temporary credential
	// outlives its grace by a minute, for the call itself and for clocks that
	// differ. (The deprecated rsa_key_pair renews a 15-minute one only 45 s
	// ahead, and external cannot tell when some end.) The price is that a key
	// which the provider no longer has may be used for so long. The service
	// decides whether it is still good: one that it refuses is dropped at once,
	// and a refused call costs nothing.
	credentialGrace = 2 * time.Minute
)

// chainVariables are what the default provider chain reads of the environment.
// The chain looks at some of them only when it is built, and once it has found
// a provider it stays with it; so a change means a new chain.
var chainVariables = [...]string{
	"ALIBABA_CLOUD_ACCESS_KEY_ID",
	"ALIBABA_CLOUD_ACCESS_KEY_SECRET",
	"ALIBABA_CLOUD_SECURITY_TOKEN",
	"ALIBABA_CLOUD_ROLE_ARN",
	"ALIBABA_CLOUD_ROLE_SESSION_NAME",
	"ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
	"ALIBABA_CLOUD_OIDC_TOKEN",
	"ALIBABA_CLOUD_OIDC_TOKEN_FILE",
	"ALIBABA_CLOUD_STS_REGION",
	"ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED",
	"ALIBABA_CLOUD_PROFILE",
	"ALIBABA_CLOUD_CONFIG_FILE",
	"ALIBABA_CLOUD_CREDENTIALS_FILE",
	"ALIBABA_CLOUD_CLI_PROFILE_DISABLED",
	"ALIBABA_CLOUD_ECS_METADATA",
	"ALIBABA_CLOUD_ECS_METADATA_DISABLED",
	"ALIBABA_CLOUD_IMDSV1_DISABLED",
	"ALIBABA_CLOUD_CREDENTIALS_URI",
	"HOME", "USERPROFILE", // of the profile files
}

type chainEnvironment [len(chainVariables)]string

func readChainEnvironment() (env chainEnvironment) {
	for i, name := range chainVariables {
		env[i] = os.Getenv(name)
	}
	return env
}

// resolver stands in front of one credentials.Credential. The providers of
// credentials-go have no locks and no context, and ask the network while their
// caller waits; behind the resolver one goroutine at a time asks, and every
// caller waits no longer than its own context lets it. Callers who have an
// earlier answer do not wait for a provider in trouble; see credentialGrace.
type resolver struct {
	given credentials.Credential // nil: the default chain

	mu       sync.Mutex
	env      *chainEnvironment      // a pointer, as fmt prints no more of it than that
	chain    credentials.Credential // of env; nil until it is needed
	current  *credentials.CredentialModel
	answered time.Time // when the provider last gave current
	askAgain time.Time // until then current is used unasked
	flight   *flight   // the question under way, or nil
}

// flight is one question to a provider. Its result may be read when done is
// closed.
type flight struct {
	provider credentials.Credential
	started  time.Time
	done     chan struct{}
	model    *credentials.CredentialModel
	err      error
}

// resolve returns the credential to sign with. It fails with ErrCredential, or
// with ctx's error if the provider takes longer than ctx.
func (r *resolver) resolve(ctx context.Context) (*credentials.CredentialModel, error) {
	for {
		model, f := r.look()
		if f == nil {
			return model, nil
		}
		var late <-chan time.Time
		if model != nil {
			late = time.After(time.Until(f.started.Add(credentialPatience)))
		}
		select {
		case <-f.done:
			return f.model, f.err
		case <-late:
			// Look again: model may have been refused meanwhile.
		case <-ctx.Done():
			return nil, fmt.Errorf("id2meta: waiting for the credential provider: %w", ctx.Err())
		}
	}
}

// look returns the credential to use, or the flight to wait for. With both, the
// credential is what to use if the flight takes long.
func (r *resolver) look() (*credentials.CredentialModel, *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noticeEnvironment()
	now := time.Now()
	model := r.currentAt(now)
	if model != nil && now.Before(r.askAgain) {
		return model, nil
	}
	if r.flight == nil {
		r.flight = &flight{provider: r.provider(), started: now, done: make(chan struct{})}
		go r.ask(r.flight)
	}
	if model != nil && now.Sub(r.flight.started) >= credentialPatience {
		return model, nil
	}
	return model, r.flight
}

// currentAt returns the last answer if it may still be used, or nil.
func (r *resolver) currentAt(now time.Time) *credentials.CredentialModel {
	if now.Sub(r.answered) >= credentialGrace {
		return nil
	}
	return r.current
}

// provider returns what to ask.
func (r *resolver) provider() credentials.Credential {
	if r.given != nil {
		return r.given
	}
	if r.chain == nil {
		r.chain = credentials.FromCredentialsProvider("default", providers.NewDefaultCredentialsProvider())
	}
	return r.chain
}

// noticeEnvironment leaves the default chain behind when what it was built from
// has changed.
func (r *resolver) noticeEnvironment() {
	if r.given != nil {
		return
	}
	if env := readChainEnvironment(); r.env == nil || env != *r.env {
		kept := env // only this one is allocated
		r.env = &kept
		r.startOver()
	}
}

// forget makes the next call ask the provider again: the service refused model.
// A default chain would give the same key again, for it reads a profile once.
func (r *resolver) forget(model *credentials.CredentialModel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil && reflect.DeepEqual(r.current, model) {
		r.startOver()
	}
}

// startOver drops the last answer, and the default chain with whatever it is
// doing. A given provider keeps its flight, since it must not be asked twice at
// a time.
func (r *resolver) startOver() {
	r.current = nil
	if r.given == nil {
		r.chain, r.flight = nil, nil
	}
}

// ask puts f's question to its provider.
func (r *resolver) ask(f *flight) {
	defer r.land(f)
	// A provider that panics (ram_role_arn does on an STS answer without
	// Expiration), or ends its goroutine, leaves f.err as it is set here.
	defer func() { _ = recover() }()
	f.err = fmt.Errorf("%w: the provider panicked", ErrCredential)
	f.model, f.err = askProvider(f.provider)
}

// land takes over what f brought, and hands it to all who wait for it.
func (r *resolver) land(f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(f.done)
	if r.flight != f {
		return // the resolver has started over meanwhile
	}
	r.flight = nil
	now := time.Now()
	if f.err == nil {
		r.current, r.answered, r.askAgain = f.model, now, now.Add(credentialLifetime)
		return
	}
	if model := r.currentAt(now); model != nil {
		// The chain is kept as well: a new one might find another identity
		// while the first has trouble, and would stay with it.
		f.model, f.err = model, nil
		r.askAgain = now.Add(credentialLifetime)
		return
	}
	// A chain that has failed would ask only its last provider from now on.
	r.current, r.chain = nil, nil
}

// askProvider returns a copy of provider's answer, which is read while the
// provider may be at work on the next. It leaves out ProviderName: the SDK would
// send it along, and how a program gets its keys is nobody's business.
func askProvider(provider credentials.Credential) (*credentials.CredentialModel, error) {
	model, err := provider.GetCredential()
	if err != nil {
		return nil, credentialError(err)
	}
	if !usable(model) {
		return nil, fmt.Errorf("%w: the provider gave neither an access key with its secret nor a token", ErrCredential)
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

// credentialError says why a provider failed in words of our own. The
// provider's error holds addresses with the access key and the signature in
// them, and answers with tokens, so nothing else of it is let through.
func credentialError(err error) error {
	text := err.Error()
	reason := "the provider failed; its own error may hold secrets and is not shown, call its GetCredential to see it"
	if strings.Contains(text, "any of the providers in the chain") {
		reason = "the default chain found none; set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or a profile, a role or a credentials URI"
	}
	if code := stsCode.FindStringSubmatch(text); code != nil {
		return fmt.Errorf("%w: %s (it was refused with Code %s)", ErrCredential, reason, code[1])
	}
	for _, symptom := range []string{
		"connection refused", "connection reset", "no such host", "network is unreachable",
		"i/o timeout", "Client.Timeout exceeded", "context deadline exceeded",
		"certificate signed by unknown authority", "no such file or directory", "permission denied",
	} {
		if strings.Contains(text, symptom) {
			return fmt.Errorf("%w: %s (%s)", ErrCredential, reason, symptom)
		}
	}
	return fmt.Errorf("%w: %s", ErrCredential, reason)
}

// fixedCredential hands a resolved credential to the SDK.
type fixedCredential struct{ model *credentials.CredentialModel }

func (c fixedCredential) GetCredential() (*credentials.CredentialModel, error) { return c.model, nil }
func (c fixedCredential) GetAccessKeyId() (*string, error)                     { return c.model.AccessKeyId, nil }
func (c fixedCredential) GetAccessKeySecret() (*string, error) {
	return c.model.AccessKeySecret, nil
}
func (c fixedCredential) GetSecurityToken() (*string, error) { return c.model.SecurityToken, nil }
func (c fixedCredential) GetBearerToken() *string            { return c.model.BearerToken }
func (c fixedCredential) GetType() *string                   { return c.model.Type }
