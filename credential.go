package id2meta

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/alibabacloud-go/tea/dara"
	"github.com/aliyun/credentials-go/credentials"
)

// credentialLifetime is how long the provider's answer is used before it is
// asked again. It is short because only the provider knows when a credential
// ends (it renews one minutes before), and long enough that most calls find the
// answer there and start no goroutine.
const credentialLifetime = time.Second

// chainVariables are what the default provider chain reads of the environment.
// The chain looks at some of them only when it is built, and once it has found
// a provider it stays with it; so a change means a new chain.
var chainVariables = [...]string{
	"ALIBABA_CLOUD_ACCESS_KEY_ID",
	"ALIBABA_CLOUD_ACCESS_KEY_SECRET",
	"ALIBABA_CLOUD_SECURITY_TOKEN",
	"ALIBABA_CLOUD_ROLE_ARN",
	"ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
	"ALIBABA_CLOUD_OIDC_TOKEN",
	"ALIBABA_CLOUD_OIDC_TOKEN_FILE",
	"ALIBABA_CLOUD_PROFILE",
	"ALIBABA_CLOUD_CONFIG_FILE",
	"ALIBABA_CLOUD_CREDENTIALS_FILE",
	"ALIBABA_CLOUD_CLI_PROFILE_DISABLED",
	"ALIBABA_CLOUD_ECS_METADATA",
	"ALIBABA_CLOUD_ECS_METADATA_DISABLED",
	"ALIBABA_CLOUD_CREDENTIALS_URI",
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
// caller waits no longer than its own context lets it.
type resolver struct {
	given credentials.Credential // nil: the default chain

	mu      sync.Mutex
	chain   credentials.Credential // the default chain, nil until it is needed
	env     chainEnvironment       // what chain was built from
	current *credentials.CredentialModel
	until   time.Time // when current must be asked for again
	flight  *flight   // the question under way, or nil
}

// flight is one question to the provider. Its result may be read when done is
// closed.
type flight struct {
	done  chan struct{}
	model *credentials.CredentialModel
	err   error
}

// resolve returns the credential to sign with. It fails with ErrCredential, or
// with ctx's error if the provider takes longer than ctx.
func (r *resolver) resolve(ctx context.Context) (*credentials.CredentialModel, error) {
	r.mu.Lock()
	r.noticeEnvironment()
	if r.current != nil && time.Now().Before(r.until) {
		defer r.mu.Unlock()
		return r.current, nil
	}
	if r.flight == nil {
		r.flight = &flight{done: make(chan struct{})}
		go r.ask(r.flight, r.chain)
	}
	f := r.flight
	r.mu.Unlock()

	select {
	case <-f.done:
		return f.model, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("id2meta: waiting for the credential provider: %w", ctx.Err())
	}
}

// forget makes the next call ask the provider again: the service refused model.
func (r *resolver) forget(model *credentials.CredentialModel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == model {
		r.current = nil
	}
}

// noticeEnvironment leaves the default chain behind, with whatever it is doing,
// when what it was built from has changed.
func (r *resolver) noticeEnvironment() {
	if r.given != nil {
		return
	}
	if env := readChainEnvironment(); env != r.env {
		r.env = env
		r.chain, r.current, r.flight = nil, nil, nil
	}
}

// ask puts one question to the provider, or to a new default chain if provider
// is nil, and hands the answer to all who wait for f.
func (r *resolver) ask(f *flight, provider credentials.Credential) {
	defer close(f.done)
	if r.given != nil {
		provider = r.given
	}
	provider, f.model, f.err = askProvider(provider)

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != f {
		return // the environment has changed meanwhile
	}
	r.flight = nil
	if f.err != nil {
		// A chain that has failed would ask only its last provider from now on.
		r.chain, r.current = nil, nil
		return
	}
	r.chain, r.current, r.until = provider, f.model, time.Now().Add(credentialLifetime)
}

// askProvider returns the provider that it asked and its answer. A panic of the
// provider (ram_role_arn has one for an STS answer without Expiration) is a
// failure like others.
func askProvider(provider credentials.Credential) (asked credentials.Credential, model *credentials.CredentialModel, err error) {
	defer func() {
		if recover() != nil {
			asked, model, err = nil, nil, fmt.Errorf("%w: the provider panicked", ErrCredential)
		}
	}()
	if provider == nil {
		provider, err = credentials.NewCredential(nil)
		if err != nil {
			return nil, nil, credentialError(err)
		}
	}
	model, err = provider.GetCredential()
	if err != nil {
		return nil, nil, credentialError(err)
	}
	if !usable(model) {
		return nil, nil, fmt.Errorf("%w: the provider gave neither an access key with its secret nor a token", ErrCredential)
	}
	return provider, model, nil
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

// stsCode is the code word in an answer of STS or of the metadata service.
var stsCode = regexp.MustCompile(`"Code"\s*:\s*"([A-Za-z.]{1,64})"`)

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
