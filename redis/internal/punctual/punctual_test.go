package punctual

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestCheck(t *testing.T) {
	addrs := []string{"127.0.0.1:1"} // no client connects
	client := func(set func(*redis.Options)) *redis.Client {
		opts := &redis.Options{Addr: addrs[0], ContextTimeoutEnabled: true}
		set(opts)
		return redis.NewClient(opts)
	}
	cluster := func(enabled bool) *redis.ClusterClient {
		return redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, ContextTimeoutEnabled: enabled})
	}
	sentinel := func(enabled bool) *redis.Client {
		return redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "m", SentinelAddrs: addrs, ContextTimeoutEnabled: enabled})
	}
	ring := func(enabled bool) *redis.Ring {
		return redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": addrs[0]}, ContextTimeoutEnabled: enabled})
	}
	type wrapper struct{ *redis.Client }
	type opaque struct{ redis.UniversalClient }
	asIs := func(*redis.Options) {}
	const sayWhatToSet = "set ContextTimeoutEnabled: true"
	for name, test := range map[string]struct {
		client redis.UniversalClient
		want   string // in the error; empty: none
	}{
		"a client":                     {client(asIs), ""},
		"a client with timeouts":       {client(func(o *redis.Options) { o.ReadTimeout, o.WriteTimeout = time.Second, time.Second }), ""},
		"a client with no ReadTimeout": {client(func(o *redis.Options) { o.ReadTimeout, o.WriteTimeout = -1, -1 }), ""},
		"a client of Sentinel":         {sentinel(true), ""},
		"a cluster":                    {cluster(true), ""},
		"a ring":                       {ring(true), ""},
		"NewUniversalClient":           {redis.NewUniversalClient(&redis.UniversalOptions{Addrs: addrs, ContextTimeoutEnabled: true}), ""},
		"a type that embeds a client":  {wrapper{client(asIs)}, ""},

		"none":                            {nil, "nil"},
		"a client without the option":     {client(func(o *redis.Options) { o.ContextTimeoutEnabled = false }), sayWhatToSet},
		"a client of Sentinel without":    {sentinel(false), sayWhatToSet},
		"a cluster without":               {cluster(false), sayWhatToSet},
		"a ring without":                  {ring(false), sayWhatToSet},
		"a type that embeds one without":  {wrapper{client(func(o *redis.Options) { o.ContextTimeoutEnabled = false })}, sayWhatToSet},
		"a client that reads for ever":    {client(func(o *redis.Options) { o.ReadTimeout = -2 }), "ReadTimeout"},
		"a client that writes for ever":   {client(func(o *redis.Options) { o.WriteTimeout = -2 }), "WriteTimeout"},
		"a client that hides its options": {opaque{client(asIs)}, "punctual.opaque"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.client != nil {
				defer test.client.Close()
			}
			err := Check(test.client)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
