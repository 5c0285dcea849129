package credential

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

func TestFindSaysWhichSourceGaveTheKey(t *testing.T) {
	command := func(t *testing.T, expiry time.Time) string {
		name := filepath.Join(t.TempDir(), "give-key")
		require.NoError(t, os.WriteFile(name, []byte("#!/bin/sh\necho '"+
			`{"mode":"StsToken","access_key_id":"id","access_key_secret":"s","sts_token":"t","expiration":"`+
			expiry.UTC().Format(time.RFC3339)+`"}'`+"\n"), 0o700))
		return name
	}
	for _, test := range []struct {
		name     string
		make     func(t *testing.T, home string)
		source   string
		keyID    string
		lifetime time.Duration // 0: no expiry is known
	}{
		{"the environment", func(t *testing.T, _ string) {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
		}, "env", "id", 0},
		{"a profile of the CLI", func(t *testing.T, home string) {
			file(t, cli(`"mode":"AK","access_key_id":"id","access_key_secret":"secret"`), home, ".aliyun/config.json")
		}, "cli_profile", "id", 0},
		{"a command of the CLI that tells an expiry", func(t *testing.T, home string) {
			file(t, cli(`"mode":"External","process_command":"`+command(t, time.Now().Add(2*time.Hour))+`"`), home, ".aliyun/config.json")
		}, "cli_profile", "id", 2 * time.Hour},
		{"the file of the SDKs", func(t *testing.T, home string) {
			file(t, "[default]\ntype = access_key\naccess_key_id = id\naccess_key_secret = secret\n", home, ".alibabacloud/credentials")
		}, "profile", "id", 0},
		{"a credentials URI", func(t *testing.T, _ string) {
			t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", testenv.NewCredentialsURI(t))
		}, "credential_uri", testenv.RoleKeyID, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.make(t, testenv.EmptyHome(t))
			found, err := Find(t.Context())
			require.NoError(t, err)
			assert.Equal(t, test.source, found.Source)
			assert.Equal(t, test.keyID, found.AccessKeyID)
			if test.lifetime == 0 {
				assert.Zero(t, found.Expiry)
			} else {
				assert.WithinDuration(t, time.Now().Add(test.lifetime), found.Expiry, time.Minute)
			}
		})
	}
}

func TestFindSaysWhyThereIsNoKey(t *testing.T) {
	testenv.EmptyHome(t)
	_, err := Find(t.Context())
	assert.EqualError(t, err, chainFoundNone)
}

func TestFindEndsWithItsContext(t *testing.T) {
	file(t, cli(`"mode":"External","process_command":"sleep 20"`), testenv.EmptyHome(t), ".aliyun/config.json")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	started := time.Now()
	_, err := Find(ctx)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(started), 10*time.Second)
}
