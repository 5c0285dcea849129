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
)

// leak stands in every file and variable of these tests. Nothing may be said of it.
const leak = "sample-leak"

// file writes a file, and returns its name.
func file(t *testing.T, text string, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// cli is the CLI's configuration with one profile.
func cli(profile string) string {
	return `{"current":"default","profiles":[{"name":"default",` + profile + `}]}`
}

// TestTheDefaultChainSaysWhatIsWrong has real files in a home directory, and the real
// default chain of credentials-go.
func TestTheDefaultChainSaysWhatIsWrong(t *testing.T) {
	const (
		aliyun = ".aliyun/config.json"
		ini    = ".alibabacloud/credentials"
	)
	yesterday, tomorrow := strconv.FormatInt(time.Now().Add(-24*time.Hour).Unix(), 10), strconv.FormatInt(time.Now().Add(24*time.Hour).Unix(), 10)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"Message":"`+leak+`"}`)
	}))
	defer refusing.Close()
	for _, test := range []struct {
		name string
		make func(t *testing.T, home string)
		want string
	}{
		{"nothing anywhere", func(*testing.T, string) {}, chainFoundNone},
		{"a CloudSSO profile whose sign-in has expired", func(t *testing.T, home string) {
			file(t, cli(`"mode":"CloudSSO","access_token":"`+leak+`","cloud_sso_access_token_expire":`+yesterday), home, aliyun)
		}, signInExpired},
		{"a CloudSSO profile without a sign-in", func(t *testing.T, home string) {
			file(t, cli(`"mode":"CloudSSO","cloud_sso_account_id":"`+leak+`"`), home, aliyun)
		}, signInExpired},
		{"a CloudSSO profile whose sign-in is refused", func(t *testing.T, home string) {
			file(t, cli(`"mode":"CloudSSO","access_token":"`+leak+`","cloud_sso_sign_in_url":"`+refusing.URL+`","cloud_sso_account_id":"a",`+
				`"cloud_sso_access_config":"b","cloud_sso_access_token_expire":`+tomorrow), home, aliyun)
		}, signInExpired},
		{"a profile that the CLI's configuration has not", func(t *testing.T, home string) {
			t.Setenv("ALIBABA_CLOUD_PROFILE", leak)
			file(t, cli(`"mode":"AK","access_key_id":"a","access_key_secret":"b"`), home, aliyun)
		}, noSuchProfile},
		{"a profile that the credentials file has not", func(t *testing.T, home string) {
			t.Setenv("ALIBABA_CLOUD_PROFILE", leak)
			file(t, "[default]\ntype = access_key\naccess_key_id = a\naccess_key_secret = b\n", home, ini)
		}, noSuchProfile},
		{"a profile, and no file", func(t *testing.T, _ string) { t.Setenv("ALIBABA_CLOUD_PROFILE", leak) }, noSuchProfile},
		{"a current profile that is not there", func(t *testing.T, home string) {
			file(t, `{"current":"`+leak+`","profiles":[{"name":"default","mode":"AK"}]}`, home, aliyun)
		}, noSuchProfile},
		{"a source profile that is not there", func(t *testing.T, home string) {
			file(t, cli(`"mode":"ChainableRamRoleArn","source_profile":"`+leak+`"`), home, aliyun)
		}, noSuchProfile},
		{"a configuration without profiles", func(t *testing.T, home string) { file(t, `{"current":"`+leak+`"}`, home, aliyun) }, noSuchProfile},
		{"a configuration that is cut off", func(t *testing.T, home string) { file(t, `{"profiles":[{"name":"`+leak, home, aliyun) }, brokenConfig},
		{"a configuration that is empty", func(t *testing.T, home string) { file(t, "", home, aliyun) }, brokenConfig},
		{"a configuration of another kind", func(t *testing.T, home string) { file(t, `["`+leak+`"]`, home, aliyun) }, brokenConfig},
		{"a configuration that is a directory", func(t *testing.T, home string) {
			require.NoError(t, os.MkdirAll(filepath.Join(home, aliyun), 0o700))
		}, badConfig},
		{"a configuration that only another user may read", func(t *testing.T, home string) {
			if os.Getuid() == 0 {
				t.Skip("root may read every file")
			}
			require.NoError(t, os.Chmod(file(t, leak, home, aliyun), 0))
		}, badConfig},
		{"a named configuration that is not there", func(t *testing.T, home string) {
			t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", filepath.Join(home, leak))
		}, noConfigFile},
		{"credentials that are no INI file", func(t *testing.T, home string) { file(t, leak+"\n", home, ini) }, badCredentials},
		{"credentials that are a directory", func(t *testing.T, home string) {
			require.NoError(t, os.MkdirAll(filepath.Join(home, ini), 0o700))
		}, badCredentials},
		{"named credentials that are not there", func(t *testing.T, home string) {
			t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", filepath.Join(home, leak))
		}, noCredentials},
		{"an ID without a secret in the environment", func(t *testing.T, _ string) { t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", leak) }, idAlone},
		{"a secret without an ID in the environment", func(t *testing.T, _ string) { t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", leak) }, secretAlone},
		{"an ID without a secret in the configuration", func(t *testing.T, home string) {
			file(t, cli(`"mode":"AK","access_key_id":"`+leak+`"`), home, aliyun)
		}, halfKeyPair},
		{"a secret without an ID in the configuration", func(t *testing.T, home string) {
			file(t, cli(`"mode":"AK","access_key_secret":"`+leak+`"`), home, aliyun)
		}, noKeyID},
		{"an STS profile without a token in the configuration", func(t *testing.T, home string) {
			file(t, cli(`"mode":"StsToken","access_key_id":"a","access_key_secret":"`+leak+`"`), home, aliyun)
		}, noToken},
		{"an ID without a secret in the credentials file", func(t *testing.T, home string) {
			file(t, "[default]\ntype = access_key\naccess_key_id = "+leak+"\n", home, ini)
		}, halfProfile},
		{"an ID with an empty secret in the credentials file", func(t *testing.T, home string) {
			file(t, "[default]\ntype = access_key\naccess_key_id = "+leak+"\naccess_key_secret =\n", home, ini)
		}, halfProfile},
		{"a profile of an unknown mode", func(t *testing.T, home string) { file(t, cli(`"mode":"`+leak+`"`), home, aliyun) }, unknownProfile},
		{"a profile without a type", func(t *testing.T, home string) { file(t, "[default]\na = "+leak+"\n", home, ini) }, unknownProfile},
		{"a profile of an unknown type", func(t *testing.T, home string) { file(t, "[default]\ntype = "+leak+"\n", home, ini) }, unknownProfile},
		{"a command that fails", func(t *testing.T, home string) {
			file(t, cli(`"mode":"External","process_command":"/nonexistent/`+leak+`"`), home, aliyun)
		}, commandFailed},
		{"an OIDC token that is not there", func(t *testing.T, home string) {
			t.Setenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE", filepath.Join(home, leak))
			t.Setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", leak)
			t.Setenv("ALIBABA_CLOUD_ROLE_ARN", leak)
		}, badOIDCToken},
		{"two of them", func(t *testing.T, home string) {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", leak)
			file(t, leak, home, aliyun)
		}, idAlone + "; " + brokenConfig},
	} {
		t.Run(test.name, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("HOME", home)
			t.Setenv("USERPROFILE", home)
			test.make(t, home)
			r := new(Resolver)
			for range 2 { // a failed chain would ask only its last provider
				key, err := r.Resolve(t.Context())
				assert.Zero(t, key)
				require.Error(t, err)
				assert.Equal(t, test.want, err.Error())
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
			home := t.TempDir()
			t.Setenv("HOME", home)
			file(t, cli(`"mode":"AK"`), home, ".aliyun/config.json")
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
