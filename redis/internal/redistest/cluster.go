// Package redistest is what the tests of redislimiter and redisstore share.
package redistest

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testserver"
)

// Cluster starts a cluster of one node, which has all slots. Like each node of a larger
// cluster, it refuses a command whose keys are in several slots, and a client must ask it
// which node has which slots.
func Cluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	ports := freePorts(t, 2)
	testserver.Redis(t, "--cluster-enabled", "yes", "--port", ports[0], "--cluster-port", ports[1])
	addr := net.JoinHostPort("127.0.0.1", ports[0])
	node := redis.NewClient(&redis.Options{Addr: addr})
	defer node.Close()
	require.NoError(t, node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	require.Eventually(t, func() bool { // until then the node refuses all commands
		info, err := node.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, time.Minute, 20*time.Millisecond, "the node does not take its slots")
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { client.Close() })
	return client
}

// freePorts returns ports of 127.0.0.1 that nobody listens on, no two the same.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close()
		ports = append(ports, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
	return ports
}
