package redisstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta/redis/internal/redistest"
)

// Every step on every person works, wherever their slot is.
func TestClusterSpreadsPersons(t *testing.T) {
	const persons = 60
	client := redistest.Cluster(t)
	s := newStore(t, client, prefix)
	claim, verdict := []byte("claim"), []byte("verdict")
	for i := range persons {
		k := key(i)
		wantSwapped(t, s, k, nil, claim, time.Minute)
		wantSwapped(t, s, k, claim, nil, 0)
		wantSwapped(t, s, k, nil, claim, time.Minute)
		wantValue(t, s, k, claim)
		wantSwapped(t, s, k, claim, verdict, time.Hour)
		wantValue(t, s, k, verdict)
	}

	var mu sync.Mutex
	var sizes []int64 // of the nodes that hold anybody
	total := int64(0)
	err := client.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		n, err := node.DBSize(ctx).Result()
		mu.Lock()
		defer mu.Unlock()
		total += n
		if n > 0 {
			sizes = append(sizes, n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if total != persons || len(sizes) != 3 {
		t.Errorf("the nodes hold %v, want %d on three", sizes, persons)
	}
	for i := range persons {
		if err := s.Delete(t.Context(), key(i)); err != nil {
			t.Fatal(err)
		}
		wantValue(t, s, key(i), nil)
	}
}
