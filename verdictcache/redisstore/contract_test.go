package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/redisstore"
	"github.com/id2meta/id2meta/verdictcache/storetest"
)

func TestContract(t *testing.T) {
	server := testserver.Redis(t)
	for name, enabled := range map[string]bool{"with ContextTimeoutEnabled": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) verdictcache.Store {
				opts := *newClient(t, server).Options()
				opts.ContextTimeoutEnabled = enabled
				client := redis.NewClient(&opts)
				t.Cleanup(func() { client.Close() })
				return redisstore.New(client, prefix)
			})
		})
	}
}

func TestContractInACluster(t *testing.T) {
	client := newCluster(t)
	storetest.Run(t, func(*testing.T) verdictcache.Store { return redisstore.New(client, prefix) })
}
