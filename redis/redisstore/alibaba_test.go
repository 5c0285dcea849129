package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta/internal/testserver"
	"github.com/id2meta/id2meta/redis/internal/redistest"
	"github.com/id2meta/id2meta/redis/redisstore"
)

// use takes every step for several persons, on a Redis that does not know the script yet.
func use(ctx context.Context, s *redisstore.Store, flush func(ctx context.Context) error) error {
	if err := flush(ctx); err != nil {
		return err
	}
	claim, verdict := []byte("claim"), []byte("verdict")
	for i := range 8 {
		for _, step := range []struct{ old, new []byte }{{nil, claim}, {claim, verdict}, {verdict, nil}, {nil, verdict}} {
			swapped, err := s.CompareAndSwap(ctx, key(i), step.old, step.new, time.Minute)
			if err != nil || !swapped {
				return errors.Join(errors.New("swap"), err)
			}
		}
		if value, err := s.Load(ctx, key(i)); err != nil || !bytes.Equal(value, verdict) {
			return errors.Join(errors.New("load"), err)
		}
		if err := s.Delete(ctx, key(i)); err != nil {
			return err
		}
	}
	return nil
}

// The cluster edition of Alibaba Cloud checks each script before it runs it.
func TestTheScriptKeepsTheVendorsRule(t *testing.T) {
	client := newClient(t, testserver.Redis(t))
	var scripts redistest.Scripts
	client.AddHook(&scripts)
	if err := use(t.Context(), newStore(t, client, prefix), func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if n := len(scripts.Sent()); n != 1 {
		t.Fatalf("%d scripts were sent", n)
	}
	if err := redistest.CheckScript(scripts.Sent()[0]); err != nil {
		t.Error(err)
	}
}

func TestTheRightsOfTheReadme(t *testing.T) {
	rights := redistest.Rights(t, "Rights for an ACL: ")
	server := testserver.Redis(t)
	admin := newClient(t, server)
	try := func(t *testing.T, prefix, rights string) error {
		if err := redistest.SetUser(t.Context(), admin, rights); err != nil {
			t.Fatal(err)
		}
		options := *admin.Options()
		options.Username, options.Password = redistest.Name, redistest.Password
		client := redis.NewClient(&options)
		defer client.Close()
		return use(t.Context(), newStore(t, client, prefix), func(ctx context.Context) error { return admin.ScriptFlush(ctx).Err() })
	}
	t.Run("suffice", func(t *testing.T) {
		if err := try(t, prefix, rights); err != nil {
			t.Error(err)
		}
		if refused, err := redistest.LogOfRefusals(t.Context(), admin); err != nil || len(refused) > 0 {
			t.Errorf("refused: %q, %v", refused, err)
		}
	})
	t.Run("do not suffice for another prefix", func(t *testing.T) {
		if err := try(t, "other:", rights); err == nil {
			t.Error("no error")
		}
	})
	all := strings.Fields(rights)
	for i, right := range all {
		t.Run("do not suffice without "+right, func(t *testing.T) {
			rest := slices.Concat(all[:i], all[i+1:])
			if err := try(t, prefix, strings.Join(rest, " ")); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestTheRightsOfTheReadmeForACluster(t *testing.T) {
	rights := redistest.Rights(t, "Rights for an ACL: ") + " " + redistest.Rights(t, "In a cluster also: ")
	admin := redistest.Cluster(t)
	onEach := func(f func(ctx context.Context, node *redis.Client) error) error {
		return admin.ForEachMaster(t.Context(), f)
	}
	err := onEach(func(ctx context.Context, node *redis.Client) error { return redistest.SetUser(ctx, node, rights) })
	if err != nil {
		t.Fatal(err)
	}
	options := *admin.Options()
	options.Username, options.Password = redistest.Name, redistest.Password
	client := redis.NewClusterClient(&options)
	defer client.Close()
	err = use(t.Context(), newStore(t, client, prefix), func(context.Context) error {
		return onEach(func(ctx context.Context, node *redis.Client) error { return node.ScriptFlush(ctx).Err() })
	})
	if err != nil {
		t.Error(err)
	}
	err = onEach(func(ctx context.Context, node *redis.Client) error {
		if refused, err := redistest.LogOfRefusals(ctx, node); err != nil || len(refused) > 0 {
			t.Errorf("refused: %q, %v", refused, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
