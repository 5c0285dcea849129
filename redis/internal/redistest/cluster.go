// Package redistest is what the tests of redislimiter and redisstore share.
package redistest

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta/internal/testserver"
)

// Cluster starts a cluster of three nodes, each with a third of the slots.
func Cluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	const nodes = 3
	ports := freePorts(t, 2*nodes)
	var addrs []string
	for i := range nodes {
		testserver.Redis(t, "--cluster-enabled", "yes", "--port", ports[i], "--cluster-port", ports[nodes+i])
		addrs = append(addrs, net.JoinHostPort("127.0.0.1", ports[i]))
	}
	create := append([]string{"--cluster", "create", "--cluster-yes"}, addrs...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "redis-cli", create...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: true})
	t.Cleanup(func() { client.Close() })
	for client.ForEachMaster(ctx, joined) != nil {
		if ctx.Err() != nil {
			t.Fatal("the nodes do not agree on their slots")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return client
}

// joined returns an error as long as the node refuses all commands, since it does
// not know who has which slots.
func joined(ctx context.Context, node *redis.Client) error {
	info, err := node.ClusterInfo(ctx).Result()
	if err == nil && !strings.Contains(info, "cluster_state:ok") {
		err = errors.New("not yet")
	}
	return err
}

// freePorts returns ports of 127.0.0.1 that nobody listens on, no two the same.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		ports = append(ports, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
	return ports
}
