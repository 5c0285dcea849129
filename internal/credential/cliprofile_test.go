package credential

import (
	"errors"
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

// writeConfig writes a configuration file of the CLI, and names the file in the
// environment.
func writeConfig(t *testing.T, content string) (name string) {
	t.Helper()
	name = file(t, content, t.TempDir(), "config.json")
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", name)
	return name
}

// program is a command that prints a text, and notes each call.
type program struct{ name string }

func newProgram(t *testing.T, output string) program {
	p := program{filepath.Join(t.TempDir(), "give-key")}
	script := "#!/bin/sh\necho call >>" + p.name + ".calls\necho '" + output + "'\n"
	require.NoError(t, os.WriteFile(p.name, []byte(script), 0o700))
	return p
}

func (p program) calls(t *testing.T) int {
	calls, err := os.ReadFile(p.name + ".calls")
	require.NoError(t, err)
	return strings.Count(string(calls), "call\n")
}

const chainable = `{"name":"%d","mode":"ChainableRamRoleArn","source_profile":"%d","ram_role_arn":"acs:ram::1:role/r"}`

func TestTheSourcesOfAProfileAreFollowedToTheLast(t *testing.T) {
	// profiles returns profiles that name these sources, and the last.
	profiles := func(last string, sources ...int) string {
		var all []string
		for i, source := range sources {
			all = append(all, fmt.Sprintf(chainable, i, source))
		}
		return strings.Join(append(all, last), ",")
	}
	var next50 []int
	for i := range 50 {
		next50 = append(next50, i+1)
	}
	for name, test := range map[string]struct{ profiles, want string }{
		"a names a":                          {profiles(`{"name":"z"}`, 0), ownSource},
		"a names b, and b names a":           {profiles(`{"name":"z"}`, 1, 0), ownSource},
		"a names b, and b names b":           {profiles(`{"name":"z"}`, 1, 1), ownSource},
		"the last of 51 has no key":          {profiles(`{"name":"50","mode":"AK"}`, next50...), noKeyID},
		"the last of 51 names no other":      {profiles(`{"name":"50","mode":"ChainableRamRoleArn"}`, next50...), noSuchProfile},
		"the last of 51 is not there":        {profiles(`{"name":"51","mode":"AK"}`, next50...), noSuchProfile},
		"the last of 51 has an unknown mode": {profiles(`{"name":"50","mode":"Magic"}`, next50...), unknownProfile},
		"the last of 51 names the first":     {profiles(fmt.Sprintf(chainable, 50, 0), next50...), ownSource},
	} {
		t.Run(name, func(t *testing.T) {
			writeConfig(t, `{"current":"0","profiles":[`+test.profiles+`]}`)
			_, err := new(Resolver).Resolve(t.Context())
			assert.EqualError(t, err, test.want)
		})
	}
}

func TestTheConfigurationOfTheCLIIsNeverWritten(t *testing.T) {
	program := newProgram(t, `{"mode":"AK","access_key_id":"external-id","access_key_secret":"external-secret"}`)
	other := `{"name":"other","mode":"AK","private_key":"kept","language":"zh"}],"meta_path":"kept"}`
	for name, test := range map[string]struct{ profile, keyID, err string }{
		"External":                   {`"mode":"External","process_command":"` + program.name + `"`, "external-id", ""},
		"OAuth without access token": {`"mode":"OAuth","oauth_site_type":"CN","oauth_refresh_token":"secret"`, "", signInExpired},
		"OAuth without a known site": {`"mode":"OAuth","oauth_site_type":"MARS","oauth_access_token":"secret"`, "", signInExpired},
		"OAuth as the source of another": {`"mode":"ChainableRamRoleArn","ram_role_arn":"r","source_profile":"o"},{"name":"o","mode":"OAuth"`,
			"", signInExpired},
	} {
		t.Run(name, func(t *testing.T) {
			content := `{"current":"p","profiles":[{"name":"p",` + test.profile + `},` + other
			name := writeConfig(t, content)
			before, err := os.Stat(name)
			require.NoError(t, err)
			r := new(Resolver)
			for range 3 {
				key, err := r.Resolve(t.Context())
				assert.Equal(t, test.keyID, key.AccessKeyID)
				if test.err != "" {
					assert.EqualError(t, err, test.err)
				}
				r.retry = time.Time{} // as if a second had passed
			}
			after, err := os.ReadFile(name)
			require.NoError(t, err)
			assert.Equal(t, content, string(after))
			info, err := os.Stat(name)
			require.NoError(t, err)
			assert.True(t, os.SameFile(before, info), "the file was replaced")
		})
	}
	assert.Equal(t, 1, program.calls(t), "a key without an expiry is kept")
}

func TestAnExternalKeyThatExpiresIsRenewed(t *testing.T) {
	program := newProgram(t, `{"mode":"StsToken","access_key_id":"id","access_key_secret":"s","sts_token":"t","expiration":"2020-01-01T00:00:00Z"}`)
	provider, err := newExternal(program.name)
	require.NoError(t, err)
	for range 2 {
		_, err := provider.GetCredentials()
		require.NoError(t, err)
	}
	assert.Equal(t, 2, program.calls(t))
}

func TestTheFileOfTheConfiguration(t *testing.T) {
	content := cli(`"mode":"AK","access_key_id":"id","access_key_secret":"secret"`)
	for name, test := range map[string]struct {
		change func(name string) error
		want   string // "": the key is found
	}{
		"a file of the greatest length": {func(name string) error {
			return os.WriteFile(name, []byte(content+strings.Repeat(" ", maxConfig-len(content))), 0o600)
		}, ""},
		"one byte more": {func(name string) error {
			return os.WriteFile(name, []byte(content+strings.Repeat(" ", maxConfig-len(content)+1)), 0o600)
		}, badConfig},
		"a file of 100 MB": {func(name string) error { return os.Truncate(name, 100<<20) }, badConfig},
		"a link to a link to a file": {func(name string) error {
			return errors.Join(os.Rename(name, name+"-2"), os.Symlink(name+"-2", name+"-1"), os.Symlink(name+"-1", name))
		}, ""},
		"a link to itself":        {func(name string) error { return errors.Join(os.Remove(name), os.Symlink(name, name)) }, badConfig},
		"a folder":                {func(name string) error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o700)) }, badConfig},
		"a pipe without a writer": {func(name string) error { return errors.Join(os.Remove(name), syscall.Mkfifo(name, 0o600)) }, badConfig},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, test.change(writeConfig(t, content)))
			key, err := new(Resolver).Resolve(t.Context())
			if test.want != "" {
				assert.EqualError(t, err, test.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "id", key.AccessKeyID)
		})
	}
}
