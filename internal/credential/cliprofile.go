package credential

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aliyun/credentials-go/credentials/providers"
)

// cliProfile is the provider of a profile in the CLI's configuration file. The provider of
// credentials-go reads most profiles well, and has three traps: a profile that names
// itself as its source overflows the stack, and for the modes External and OAuth the
// provider writes the file, in which it loses fields of all profiles. cliProfile looks at
// the file first, and builds the providers of these modes itself. It never writes the file.
type cliProfile struct {
	inner providers.CredentialsProvider // nil: the file has not been read
}

// maxConfig is the maximum length of the file. A file with 1,000 profiles is shorter.
const maxConfig = 1 << 20

// errNoConfig is no trouble: most machines have no configuration of the CLI.
var errNoConfig = errors.New("there is no configuration of the CLI")

func (*cliProfile) GetProviderName() string { return "cli_profile" }

func (p *cliProfile) GetCredentials() (*providers.Credentials, error) {
	if p.inner == nil {
		config, err := readCLIConfig()
		if err != nil {
			return nil, err
		}
		name := os.Getenv("ALIBABA_CLOUD_PROFILE")
		if name == "" {
			name = config.Current
		}
		if p.inner, err = config.provider(name, nil); err != nil {
			return nil, err
		}
	}
	return p.inner.GetCredentials()
}

// cliConfig is the part of the CLI's configuration file that cliProfile needs.
type cliConfig struct {
	path     string
	Current  string
	Profiles []cliConfigProfile
}

type cliConfigProfile struct {
	Name             string
	Mode             string
	SourceProfile    string `json:"source_profile"`
	RoleArn          string `json:"ram_role_arn"`
	RoleSessionName  string `json:"ram_session_name"`
	DurationSeconds  int    `json:"expired_seconds"`
	StsRegion        string `json:"sts_region"`
	EnableVpc        bool   `json:"enable_vpc"`
	Policy           string
	ExternalId       string `json:"external_id"`
	OauthSiteType    string `json:"oauth_site_type"`
	OauthAccessToken string `json:"oauth_access_token"`
	ProcessCommand   string `json:"process_command"`
}

func readCLIConfig() (*cliConfig, error) {
	path := os.Getenv("ALIBABA_CLOUD_CONFIG_FILE")
	isNamed := path != ""
	if !isNamed {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, errNoConfig
		}
		path = filepath.Join(home, ".aliyun", "config.json")
	}
	content, err := readRegularFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !isNamed:
		return nil, errNoConfig
	case errors.Is(err, fs.ErrNotExist):
		return nil, trouble(noConfigFile)
	case err != nil:
		return nil, trouble(badConfig)
	}
	config := &cliConfig{path: path}
	if json.Unmarshal(content, config) != nil {
		return nil, trouble(brokenConfig)
	}
	return config, nil
}

// readRegularFile reads a file of at most maxConfig bytes. To open a pipe would wait for
// its writer.
func readRegularFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfig {
		return nil, errors.New("it is no file, or too long")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxConfig))
}

// provider returns the provider of a profile. users are the profiles that name this
// profile as their source.
func (c *cliConfig) provider(name string, users []string) (providers.CredentialsProvider, error) {
	if slices.Contains(users, name) {
		return nil, trouble(ownSource)
	}
	i := slices.IndexFunc(c.Profiles, func(p cliConfigProfile) bool { return p.Name == name })
	if i < 0 {
		return nil, trouble(noSuchProfile)
	}
	p := c.Profiles[i]
	switch p.Mode {
	case "ChainableRamRoleArn":
		source, err := c.provider(p.SourceProfile, append(users, name))
		if err != nil {
			return nil, err
		}
		return build(providers.NewRAMRoleARNCredentialsProviderBuilder().
			WithCredentialsProvider(source).
			WithRoleArn(p.RoleArn).
			WithRoleSessionName(p.RoleSessionName).
			WithDurationSeconds(p.DurationSeconds).
			WithStsRegionId(p.StsRegion).
			WithEnableVpc(p.EnableVpc).
			WithPolicy(p.Policy).
			WithExternalId(p.ExternalId))
	case "External":
		return newExternal(p.ProcessCommand)
	case "OAuth":
		return newOAuth(p)
	}
	return build(providers.NewCLIProfileCredentialsProviderBuilder().WithProfileFile(c.path).WithProfileName(name))
}

// external is the provider of mode External. It keeps a key without an expiry: the
// provider of credentials-go would run the command again each time.
type external struct {
	*providers.ExternalCredentialsProvider
	key    *providers.Credentials
	expiry int64 // of key, in Unix time; 0: none
}

func newExternal(command string) (providers.CredentialsProvider, error) {
	e := new(external)
	var err error
	e.ExternalCredentialsProvider, err = providers.NewExternalCredentialsProviderBuilder().
		WithProcessCommand(command).
		WithCredentialUpdateCallback(func(_, _, _ string, expiry int64) error {
			e.expiry = expiry
			return nil
		}).Build()
	return e, err
}

func (e *external) GetCredentials() (*providers.Credentials, error) {
	if e.key != nil && e.expiry == 0 {
		return e.key, nil
	}
	var err error
	e.key, err = e.ExternalCredentialsProvider.GetCredentials()
	return e.key, err
}

// newOAuth returns the provider of mode OAuth. It uses the access token of the file, and
// does not refresh the token: the service behind may accept a refresh token only once, and
// a new refresh token would have to be written into the file.
func newOAuth(p cliConfigProfile) (providers.CredentialsProvider, error) {
	// The sites and client IDs of credentials-go v1.4.14.
	site := map[string][2]string{
		"CN":   {"https://oauth.aliyun.com", "4038181954557748008"},
		"INTL": {"https://oauth.alibabacloud.com", "4103531455503354461"},
	}[strings.ToUpper(p.OauthSiteType)]
	if site[0] == "" || p.OauthAccessToken == "" {
		return nil, trouble(signInExpired)
	}
	return build(providers.NewOAuthCredentialsProviderBuilder().
		WithSignInUrl(site[0]).
		WithClientId(site[1]).
		WithAccessToken(p.OauthAccessToken))
}
