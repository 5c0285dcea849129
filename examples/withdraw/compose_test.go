package main

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// There is no daemon where the tests run. But the program can read its commands.
func TestCompose(t *testing.T) {
	content, err := os.ReadFile("compose.yaml")
	require.NoError(t, err)
	var compose struct {
		Services map[string]struct {
			Command         []string
			Environment     map[string]string
			DependsOn       map[string]struct{ Condition string } `yaml:"depends_on"`
			StopGracePeriod string                                `yaml:"stop_grace_period"`
		}
	}
	require.NoError(t, yaml.Unmarshal(content, &compose))
	replicas, migrate := compose.Services["withdraw"], compose.Services["migrate"]
	serving, err := parse(replicas.Command, io.Discard)
	require.NoError(t, err)
	migrating, err := parse(migrate.Command, io.Discard)
	require.NoError(t, err)
	require.True(t, serving.live && !serving.migrate && migrating.migrate)
	require.Equal(t, serving.db, migrating.db)
	require.Equal(t, "service_completed_successfully", replicas.DependsOn["migrate"].Condition)
	require.Contains(t, replicas.Environment, hashKeyVariable)
	require.Contains(t, migrate.Environment, dbPasswordVariable)
	grace, err := time.ParseDuration(replicas.StopGracePeriod)
	require.NoError(t, err)
	require.Greater(t, grace, writeTimeout+verdictTimeout, "a replica has the time to end its requests")
}
