package credential

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writeConfig writes a configuration file of the CLI, and names the file in the
// environment.
func writeConfig(t *testing.T, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", file)
	return file
}

func TestAProfileThatNamesItselfIsAnError(t *testing.T) {
	chainable := `{"name":%q,"mode":"ChainableRamRoleArn","source_profile":%q,"ram_role_arn":"acs:ram::1:role/r"}`
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprintf(chainable, fmt.Sprint(i), fmt.Sprint((i+1)%50)))
	}
	for name, profiles := range map[string]string{
		"a names a":                fmt.Sprintf(chainable, "0", "0"),
		"a names b, and b names a": fmt.Sprintf(chainable, "0", "1") + "," + fmt.Sprintf(chainable, "1", "0"),
		"50 profiles in a circle":  strings.Join(many, ","),
		"a names b, and b names b": fmt.Sprintf(chainable, "0", "1") + "," + fmt.Sprintf(chainable, "1", "1"),
	} {
		t.Run(name, func(t *testing.T) {
			writeConfig(t, `{"current":"0","profiles":[`+profiles+`]}`)
			_, err := new(Resolver).Resolve(t.Context())
			assert.EqualError(t, err, "a profile names itself as its source")
		})
	}
}

func TestAChainOf50ProfilesIsFollowedToItsEnd(t *testing.T) {
	var profiles []string
	for i := range 50 {
		profiles = append(profiles, fmt.Sprintf(`{"name":"%d","mode":"ChainableRamRoleArn","source_profile":"%d","ram_role_arn":"acs:ram::1:role/r"}`, i, i+1))
	}
	for name, test := range map[string]struct{ last, want string }{
		"the last profile has no key":      {`{"name":"50","mode":"AK"}`, noKeyID},
		"the last profile names no other":  {`{"name":"50","mode":"ChainableRamRoleArn"}`, noSuchProfile},
		"the last profile is not there":    {`{"name":"51","mode":"AK"}`, noSuchProfile},
		"the last profile has an odd mode": {`{"name":"50","mode":"Magic"}`, unknownProfile},
	} {
		t.Run(name, func(t *testing.T) {
			writeConfig(t, `{"current":"0","profiles":[`+strings.Join(append(profiles, test.last), ",")+`]}`)
			_, err := new(Resolver).Resolve(t.Context())
			assert.EqualError(t, err, test.want)
		})
	}
}

func TestAConfigurationFileMayBeALink(t *testing.T) {
	file := writeConfig(t, `{"current":"p","profiles":[{"name":"p","mode":"AK","access_key_id":"id","access_key_secret":"secret"}]}`)
	for i := range 3 {
		link := fmt.Sprintf("%s-%d", file, i)
		require.NoError(t, os.Symlink(file, link))
		file = link
	}
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", file)
	key, err := new(Resolver).Resolve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "id", key.AccessKeyID)
}

func TestTheConfigurationOfTheCLIIsNeverWritten(t *testing.T) {
	dir := t.TempDir()
	command := filepath.Join(dir, "give-key")
	require.NoError(t, os.WriteFile(command, []byte("#!/bin/sh\necho call >>"+dir+"/calls\n"+
		`echo '{"mode":"AK","access_key_id":"external-id","access_key_secret":"external-secret"}'`+"\n"), 0o700))
	content := `{"current":"e","profiles":[{"name":"e","mode":"External","process_command":"` + command + `"},` +
		`{"name":"other","mode":"AK","private_key":"kept","language":"zh"}],"meta_path":"kept"}`
	file := writeConfig(t, content)
	before, err := os.Stat(file)
	require.NoError(t, err)

	r := new(Resolver)
	for range 3 {
		key, err := r.Resolve(t.Context())
		require.NoError(t, err)
		require.Equal(t, "external-id", key.AccessKeyID)
		r.retry = time.Time{} // as if a second had passed
	}
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, content, string(after))
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, info), "the file was replaced")
	calls, err := os.ReadFile(dir + "/calls")
	require.NoError(t, err)
	assert.Equal(t, "call\n", string(calls), "a key without an expiry is kept")
}

func TestAnExternalKeyThatExpiresIsRenewed(t *testing.T) {
	dir := t.TempDir()
	command := filepath.Join(dir, "give-key")
	require.NoError(t, os.WriteFile(command, []byte("#!/bin/sh\necho call >>"+dir+"/calls\n"+
		`echo '{"mode":"StsToken","access_key_id":"id","access_key_secret":"s","sts_token":"t","expiration":"2020-01-01T00:00:00Z"}'`+"\n"), 0o700))
	provider, err := newExternal(command)
	require.NoError(t, err)
	for range 2 {
		_, err := provider.GetCredentials()
		require.NoError(t, err)
	}
	calls, err := os.ReadFile(dir + "/calls")
	require.NoError(t, err)
	assert.Equal(t, "call\ncall\n", string(calls))
}

func TestAnOddConfigurationFileIsAnErrorInFixedWords(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, file string){
		"a file of 100 MB": func(t *testing.T, file string) { require.NoError(t, os.Truncate(file, 100<<20)) },
		"a folder": func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.Mkdir(file, 0o700))
		},
		"a pipe without a writer": func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, syscall.Mkfifo(file, 0o600))
		},
		"a link to itself": func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.Symlink(file, file))
		},
	} {
		t.Run(name, func(t *testing.T) {
			prepare(t, writeConfig(t, "{}"))
			_, err := new(Resolver).Resolve(t.Context())
			assert.EqualError(t, err, badConfig)
		})
	}
}

func TestTheLongestConfigurationFile(t *testing.T) {
	content := cli(`"mode":"AK","access_key_id":"id","access_key_secret":"secret"`)
	for extra, want := range map[int]string{0: "", 1: badConfig} {
		writeConfig(t, content+strings.Repeat(" ", maxConfig-len(content)+extra))
		_, err := new(Resolver).Resolve(t.Context())
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, want)
		}
	}
}

func TestOAuthIsNotRefreshed(t *testing.T) {
	for name, profile := range map[string]string{
		"no access token": `{"name":"o","mode":"OAuth","oauth_site_type":"CN","oauth_refresh_token":"secret"}`,
		"no known site":   `{"name":"o","mode":"OAuth","oauth_site_type":"MARS","oauth_access_token":"secret"}`,
	} {
		t.Run(name, func(t *testing.T) {
			content := `{"current":"o","profiles":[` + profile + `]}`
			file := writeConfig(t, content)
			_, err := new(Resolver).Resolve(t.Context())
			assert.EqualError(t, err, signInExpired)
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, content, string(after))
		})
	}
}
