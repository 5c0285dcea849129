package credential

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

func TestFindSaysWhichSourceGaveTheKey(t *testing.T) {
	expiring := newProgram(t, `{"mode":"StsToken","access_key_id":"id","access_key_secret":"s","sts_token":"t","expiration":"2096-01-02T03:04:05Z"}`)
	for _, test := range []struct {
		name     string
		env      map[string]string
		config   string // of the CLI
		ini      string // the file of the SDKs
		source   string
		keyID    string
		lifetime time.Duration // 0: no expiry is known
	}{
		{name: "the environment", env: map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret"},
			source: "env", keyID: "id"},
		{name: "a profile of the CLI", config: cli(`"mode":"AK","access_key_id":"id","access_key_secret":"secret"`),
			source: "cli_profile", keyID: "id"},
		{name: "a command of the CLI that tells an expiry", config: cli(`"mode":"External","process_command":"` + expiring.name + `"`),
			source: "cli_profile", keyID: "id", lifetime: time.Until(time.Date(2096, 1, 2, 3, 4, 5, 0, time.UTC))},
		{name: "the file of the SDKs", ini: "[default]\ntype = access_key\naccess_key_id = id\naccess_key_secret = secret\n",
			source: "profile", keyID: "id"},
		{name: "a credentials URI", env: map[string]string{"ALIBABA_CLOUD_CREDENTIALS_URI": testenv.NewCredentialsURI(t)},
			source: "credential_uri", keyID: testenv.RoleKeyID, lifetime: time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			setUp(t, test.env, test.config, test.ini)
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
	setUp(t, nil, "", "")
	_, err := Find(t.Context())
	assert.EqualError(t, err, chainFoundNone)

	setUp(t, nil, cli(`"mode":"External","process_command":"sleep 20"`), "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = Find(ctx)
	assert.Equal(t, context.DeadlineExceeded, err)
}
