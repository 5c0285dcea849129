package redislimiter

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/id2meta/id2meta/redis/internal/redistest"
)

// use is all that a Limiter does.
func use(ctx context.Context, client redis.UniversalClient, name string) error {
	limiter, err := New(client, name, WithDailyLimit(1000))
	if err != nil {
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

func TestTheScriptsKeepTheVendorsRule(t *testing.T) { redistest.TestScripts(t, 2, use) }

func TestTheRightsOfTheReadme(t *testing.T) { redistest.TestRights(t, use) }
