package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta/redis/internal/redistest"
	"github.com/id2meta/id2meta/redis/redisstore"
)

// use takes every step for several persons.
func use(ctx context.Context, client redis.UniversalClient, name string) error {
	s, err := redisstore.New(client, name+":")
	if err != nil {
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

func TestTheScriptKeepsTheVendorsRule(t *testing.T) { redistest.TestScripts(t, 1, use) }

func TestTheRightsOfTheReadme(t *testing.T) { redistest.TestRights(t, use) }
