package credential

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/aliyun/credentials-go/credentials/providers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

// leak stands in every file and variable of these tests. Nothing may be said of it.
const leak = "sample-leak"

// The files of the default chain, below the home directory.
const (
	configFile = ".aliyun/config.json"
	iniFile    = ".alibabacloud/credentials"
)

// setUp sets variables, and writes the files that are not empty into a new home directory.
func setUp(t *testing.T, env map[string]string, config, ini string) (home string) {
	t.Helper()
	home = testenv.EmptyHome(t)
	for name, value := range env {
		t.Setenv(name, value)
	}
	for name, text := range map[string]string{configFile: config, iniFile: ini} {
		if text != "" {
			file(t, text, home, name)
		}
	}
	return home
}

// TestTheDefaultChainSaysWhatIsWrong has real files in a home directory, and the real
// providers of credentials-go.
func TestTheDefaultChainSaysWhatIsWrong(t *testing.T) {
	yesterday, tomorrow := strconv.FormatInt(time.Now().Add(-24*time.Hour).Unix(), 10), strconv.FormatInt(time.Now().Add(24*time.Hour).Unix(), 10)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"Message":"`+leak+`"}`)
	}))
	defer refusing.Close()
	one := func(name string) map[string]string { return map[string]string{name: leak} }
	for _, test := range []struct {
		name        string
		env         map[string]string
		config, ini string
		change      func(home string) error // may be nil
		want        string
	}{
		{name: "nothing anywhere", want: chainFoundNone},
		{name: "a CloudSSO profile whose sign-in has expired", want: signInExpired,
			config: cli(`"mode":"CloudSSO","access_token":"` + leak + `","cloud_sso_access_token_expire":` + yesterday)},
		{name: "a CloudSSO profile without a sign-in", want: signInExpired,
			config: cli(`"mode":"CloudSSO","cloud_sso_account_id":"` + leak + `"`)},
		{name: "a CloudSSO profile whose sign-in is refused", want: signInExpired,
			config: cli(`"mode":"CloudSSO","access_token":"` + leak + `","cloud_sso_sign_in_url":"` + refusing.URL + `","cloud_sso_account_id":"a",` +
				`"cloud_sso_access_config":"b","cloud_sso_access_token_expire":` + tomorrow)},
		{name: "a profile that the CLI's configuration has not", want: noSuchProfile,
			env: one("ALIBABA_CLOUD_PROFILE"), config: cli(`"mode":"AK","access_key_id":"a","access_key_secret":"b"`)},
		{name: "a profile that the credentials file has not", want: noSuchProfile,
			env: one("ALIBABA_CLOUD_PROFILE"), ini: "[default]\ntype = access_key\naccess_key_id = a\naccess_key_secret = b\n"},
		{name: "a profile, and no file", want: noSuchProfile, env: one("ALIBABA_CLOUD_PROFILE")},
		{name: "a current profile that is not there", want: noSuchProfile,
			config: `{"current":"` + leak + `","profiles":[{"name":"default","mode":"AK"}]}`},
		{name: "a source profile that is not there", want: noSuchProfile,
			config: cli(`"mode":"ChainableRamRoleArn","source_profile":"` + leak + `"`)},
		{name: "a configuration without profiles", want: noSuchProfile, config: `{"current":"` + leak + `"}`},
		{name: "a configuration that is cut off", want: brokenConfig, config: `{"profiles":[{"name":"` + leak},
		{name: "a configuration that is empty", want: brokenConfig,
			change: func(home string) error { return os.WriteFile(filepath.Join(home, configFile), nil, 0o600) }, config: leak},
		{name: "a configuration of another kind", want: brokenConfig, config: `["` + leak + `"]`},
		{name: "a broken configuration, and the CLI's profiles are disabled", want: chainFoundNone,
			env: map[string]string{"ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "True"}, config: leak},
		{name: "a configuration that is a directory", want: badConfig,
			change: func(home string) error { return os.MkdirAll(filepath.Join(home, configFile), 0o700) }},
		{name: "a named configuration that is not there", want: noConfigFile, env: one("ALIBABA_CLOUD_CONFIG_FILE")},
		{name: "credentials that are no INI file", want: badCredentials, ini: leak + "\n"},
		{name: "credentials that are a directory", want: badCredentials,
			change: func(home string) error { return os.MkdirAll(filepath.Join(home, iniFile), 0o700) }},
		{name: "named credentials that are not there", want: noCredentials, env: one("ALIBABA_CLOUD_CREDENTIALS_FILE")},
		{name: "an ID without a secret in the environment", want: idAlone, env: one("ALIBABA_CLOUD_ACCESS_KEY_ID")},
		{name: "a secret without an ID in the environment", want: secretAlone, env: one("ALIBABA_CLOUD_ACCESS_KEY_SECRET")},
		{name: "an ID without a secret in the configuration", want: halfKeyPair, config: cli(`"mode":"AK","access_key_id":"` + leak + `"`)},
		{name: "a secret without an ID in the configuration", want: noKeyID, config: cli(`"mode":"AK","access_key_secret":"` + leak + `"`)},
		{name: "an STS profile without a token in the configuration", want: noToken,
			config: cli(`"mode":"StsToken","access_key_id":"a","access_key_secret":"` + leak + `"`)},
		{name: "an ID without a secret in the credentials file", want: halfProfile,
			ini: "[default]\ntype = access_key\naccess_key_id = " + leak + "\n"},
		{name: "an ID with an empty secret in the credentials file", want: halfProfile,
			ini: "[default]\ntype = access_key\naccess_key_id = " + leak + "\naccess_key_secret =\n"},
		{name: "a profile of an unknown mode", want: unknownProfile, config: cli(`"mode":"` + leak + `"`)},
		{name: "a profile without a type", want: unknownProfile, ini: "[default]\na = " + leak + "\n"},
		{name: "a profile of an unknown type", want: unknownProfile, ini: "[default]\ntype = " + leak + "\n"},
		{name: "a command that fails", want: commandFailed, config: cli(`"mode":"External","process_command":"/nonexistent/` + leak + `"`)},
		{name: "an OIDC token that is not there", want: badOIDCToken, env: map[string]string{"ALIBABA_CLOUD_OIDC_TOKEN_FILE": "/nonexistent/" + leak,
			"ALIBABA_CLOUD_OIDC_PROVIDER_ARN": leak, "ALIBABA_CLOUD_ROLE_ARN": leak}},
		{name: "two of them", want: idAlone + "; " + brokenConfig, env: one("ALIBABA_CLOUD_ACCESS_KEY_ID"), config: leak},
	} {
		t.Run(test.name, func(t *testing.T) {
			home := setUp(t, test.env, test.config, test.ini)
			if test.change != nil {
				require.NoError(t, test.change(home))
			}
			r := new(Resolver)
			for range 2 { // a failed chain would ask only its last provider
				key, err := r.Resolve(t.Context())
				assert.Zero(t, key)
				assert.EqualError(t, err, test.want)
			}
		})
	}
}

// Providers that the default chain cannot be made to ask here say it, too.
func TestAGivenProviderSaysWhatIsWrong(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"`+leak+`"}`)
	}))
	defer refusing.Close()
	oauth := func(change func(*providers.OAuthCredentialsProviderBuilder)) func(*testing.T) credentials.Credential {
		return func(t *testing.T) credentials.Credential {
			builder := providers.NewOAuthCredentialsProviderBuilder().WithSignInUrl(refusing.URL).WithClientId("1")
			change(builder)
			provider, err := builder.Build()
			require.NoError(t, err)
			return credentials.FromCredentialsProvider("oauth", provider)
		}
	}
	for _, test := range []struct {
		name  string
		given func(*testing.T) credentials.Credential
		want  string
	}{
		{"an OAuth sign-in whose refresh is refused", oauth(func(b *providers.OAuthCredentialsProviderBuilder) { b.WithRefreshToken(leak) }), signInExpired},
		{"an OAuth sign-in whose token is refused", oauth(func(b *providers.OAuthCredentialsProviderBuilder) { b.WithAccessToken(leak) }), signInExpired},
		{"a profile that is not there", func(t *testing.T) credentials.Credential {
			setUp(t, nil, cli(`"mode":"AK"`), "")
			provider, err := providers.NewCLIProfileCredentialsProviderBuilder().WithProfileName(leak).Build()
			require.NoError(t, err)
			return credentials.FromCredentialsProvider("cli_profile", provider)
		}, noSuchProfile},
		{"an OIDC token that is not there", func(t *testing.T) credentials.Credential {
			given, err := credentials.NewCredential(new(credentials.Config).SetType("oidc_role_arn").SetOIDCProviderArn(leak).
				SetRoleArn(leak).SetOIDCTokenFilePath("/nonexistent/" + leak))
			require.NoError(t, err)
			return given
		}, providerFailed + " (no such file or directory)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := (&Resolver{Provider: test.given(t)}).Resolve(t.Context())
			require.Error(t, err)
			assert.Equal(t, test.want, err.Error())
			assert.False(t, strings.Contains(err.Error(), leak))
		})
	}
}
