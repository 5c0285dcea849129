package credential

import (
	"context"
	"reflect"
	"time"

	"github.com/aliyun/credentials-go/credentials"
)

// Found is the key of the default provider chain, and where the chain found it.
type Found struct {
	Key
	// Source is the name of the provider: "env", "oidc_role_arn", "cli_profile",
	// "profile", "ecs_ram_role" or "credential_uri".
	Source string
	// Expiry is zero if the key does not expire, or if its provider does not know.
	Expiry time.Time
}

// Find asks the default chain once, for a program that explains a set-up. Its errors are
// those of [Resolver.Resolve].
func Find(ctx context.Context) (Found, error) {
	c := newSources()
	r := Resolver{Provider: credentials.FromCredentialsProvider("default", c)}
	key, err := r.Resolve(ctx)
	if err != nil {
		return Found{}, err // the chain may still be asking: c is not read
	}
	return Found{key, c.found.GetProviderName(), expiryIn(reflect.ValueOf(c.found))}, nil
}

// expiryIn returns when the key of a provider expires. The providers of credentials-go
// know the time and have no method for it, so it is read from their fields. Some of them
// stand in front of another provider.
func expiryIn(provider reflect.Value) time.Time {
	for provider.Kind() == reflect.Interface || provider.Kind() == reflect.Pointer {
		provider = provider.Elem()
	}
	if provider.Kind() != reflect.Struct {
		return time.Time{}
	}
	if t := provider.FieldByName("expirationTimestamp"); t.IsValid() && t.Kind() == reflect.Int64 && t.Int() != 0 {
		return time.Unix(t.Int(), 0)
	}
	for _, name := range []string{"inner", "innerProvider"} {
		if inner := provider.FieldByName(name); inner.IsValid() {
			return expiryIn(inner)
		}
	}
	return time.Time{}
}
