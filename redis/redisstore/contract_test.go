package redisstore_test

import (
	"testing"

	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/redis/internal/redistest"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/storetest"
)

func TestContract(t *testing.T) {
	server := testserver.Redis(t)
	storetest.Run(t, func(t *testing.T) verdictcache.Store { return newStore(t, newClient(t, server), prefix) })
}

func TestContractInACluster(t *testing.T) {
	client := redistest.Cluster(t)
	storetest.Run(t, func(t *testing.T) verdictcache.Store { return newStore(t, client, prefix) })
}
