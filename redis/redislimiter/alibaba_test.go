package redislimiter

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta/redis/internal/redistest"
)

// The cluster edition of Alibaba Cloud checks each script before it runs it.
func TestTheScriptsKeepTheVendorsRule(t *testing.T) {
	server := newTestRedis(t)
	limiter, client, _ := newTestLimiter(t, server)
	var scripts redistest.Scripts
	client.AddHook(&scripts)
	if err := limiter.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := limiter.Today(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(scripts.Sent()); n != 2 {
		t.Fatalf("%d scripts were sent", n)
	}
	for _, script := range scripts.Sent() {
		if err := redistest.CheckScript(script); err != nil {
			t.Errorf("%v in:%s", err, script)
		}
	}
}

// use is all that a Limiter does, on a Redis that knows no script yet.
func use(ctx context.Context, limiter *Limiter, flush func(ctx context.Context) error) error {
	if err := flush(ctx); err != nil {
		return err
	}
	for range 2 {
		if err := limiter.Wait(ctx); err != nil {
			return err
		}
		if _, err := limiter.Today(ctx); err != nil {
			return err
		}
	}
	return nil
}

func TestTheRightsOfTheReadme(t *testing.T) {
	rights := redistest.Rights(t, "Rights for an ACL: ")
	server := newTestRedis(t)
	admin := newTestClient(t, server, nil)
	try := func(t *testing.T, key, rights string) error {
		if err := redistest.SetUser(t.Context(), admin, rights); err != nil {
			t.Fatal(err)
		}
		client := newTestClient(t, server, func(o *redis.Options) { o.Username, o.Password = redistest.Name, redistest.Password })
		return use(t.Context(), mustNew(t, client, key, WithDailyLimit(1000)),
			func(ctx context.Context) error { return admin.ScriptFlush(ctx).Err() })
	}
	t.Run("suffice", func(t *testing.T) {
		if err := try(t, "id2meta", rights); err != nil {
			t.Error(err)
		}
		if refused, err := redistest.LogOfRefusals(t.Context(), admin); err != nil || len(refused) > 0 {
			t.Errorf("refused: %q, %v", refused, err)
		}
	})
	t.Run("do not suffice for another key", func(t *testing.T) {
		if err := try(t, "other", rights); err == nil {
			t.Error("no error")
		}
	})
	all := strings.Fields(rights)
	for i, right := range all {
		t.Run("do not suffice without "+right, func(t *testing.T) {
			rest := slices.Concat(all[:i], all[i+1:])
			if err := try(t, "id2meta", strings.Join(rest, " ")); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestTheRightsOfTheReadmeForACluster(t *testing.T) {
	rights := redistest.Rights(t, "Rights for an ACL: ") + " " + redistest.Rights(t, "In a cluster also: ")
	admin := redistest.Cluster(t)
	onEach := func(f func(ctx context.Context, node *redis.Client) error) {
		if err := admin.ForEachMaster(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	onEach(func(ctx context.Context, node *redis.Client) error { return redistest.SetUser(ctx, node, rights) })
	options := *admin.Options()
	options.Username, options.Password = redistest.Name, redistest.Password
	client := redis.NewClusterClient(&options)
	defer client.Close()
	err := use(t.Context(), mustNew(t, client, "id2meta", WithDailyLimit(1000)), func(ctx context.Context) error {
		return admin.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return node.ScriptFlush(ctx).Err() })
	})
	if err != nil {
		t.Error(err)
	}
	onEach(func(ctx context.Context, node *redis.Client) error {
		if refused, err := redistest.LogOfRefusals(ctx, node); err != nil || len(refused) > 0 {
			t.Errorf("refused: %q, %v", refused, err)
		}
		return nil
	})
}
