package credential

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/aliyun/credentials-go/credentials/providers"
)

// newChain returns the default provider chain. It has the providers of the default chain
// of credentials-go v1.4.14, in the same order. Two things differ: the CLI's profile comes
// from [cliProfile], and a chain that found no key asks all of its providers again.
func newChain() credentials.Credential {
	return credentials.FromCredentialsProvider("default", newSources())
}

func newSources() *chain {
	c := new(chain)
	c.add(build(providers.NewEnvironmentVariableCredentialsProviderBuilder()))
	c.add(build(providers.NewOIDCCredentialsProviderBuilder()))
	if !strings.EqualFold(os.Getenv("ALIBABA_CLOUD_CLI_PROFILE_DISABLED"), "true") {
		c.add(new(cliProfile), nil)
	}
	c.add(build(providers.NewProfileCredentialsProviderBuilder()))
	c.add(build(providers.NewECSRAMRoleCredentialsProviderBuilder()))
	if os.Getenv("ALIBABA_CLOUD_CREDENTIALS_URI") != "" {
		c.add(build(providers.NewURLCredentialsProviderBuilder()))
	}
	return c
}

// builder is a builder of credentials-go.
type builder[P providers.CredentialsProvider] interface{ Build() (P, error) }

func build[P providers.CredentialsProvider](b builder[P]) (providers.CredentialsProvider, error) {
	return b.Build()
}

// chain asks its providers in turn, and keeps the first provider that has a key. It
// implements [providers.CredentialsProvider].
type chain struct {
	sources []providers.CredentialsProvider
	found   providers.CredentialsProvider // nil: none yet
}

// add adds a provider, unless it cannot be built: then its source is not there.
func (c *chain) add(source providers.CredentialsProvider, err error) {
	if err == nil {
		c.sources = append(c.sources, source)
	}
}

func (c *chain) GetCredentials() (*providers.Credentials, error) {
	if c.found != nil {
		return c.found.GetCredentials()
	}
	var failures []error
	for _, source := range c.sources {
		key, err := source.GetCredentials()
		if err != nil {
			failures = append(failures, err)
			continue
		}
		c.found = source
		return key, nil
	}
	return nil, fmt.Errorf("%s: %w", chainSign, errors.Join(failures...))
}

func (*chain) GetProviderName() string { return "default" }
