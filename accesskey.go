package id2meta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/id2meta/id2meta/internal/credential"
	"github.com/id2meta/id2meta/internal/redact"
)

// AccessKey is an access key of Alibaba Cloud. It is for programs that do not use the
// provider chain.
//
// An AccessKey never shows its fields: the verbs of fmt, log/slog, and JSON, text and
// YAML encoders write ***. The exceptions are the same as for [Param]: the verbs %w
// and %p, an AccessKey in an unexported field of a struct that is printed whole, and
// reflection. Decoders fill the fields as the fields of any struct.
type AccessKey struct {
	ID            string
	Secret        string
	SecurityToken string // the token of STS; empty for a permanent key
}

// String returns ***.
func (AccessKey) String() string { return redact.Mark }

// Format implements [fmt.Formatter]. Every verb writes ***.
func (AccessKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, redact.Mark) }

// LogValue implements [slog.LogValuer]. It returns ***.
func (AccessKey) LogValue() slog.Value { return slog.StringValue(redact.Mark) }

// MarshalText implements [encoding.TextMarshaler]. It returns ***.
func (AccessKey) MarshalText() ([]byte, error) { return []byte(redact.Mark), nil }

// WithAccessKey sets the access key, for example from a configuration file. White
// space around the fields of key is ignored. By default the Client asks the provider
// chain; see [WithCredential].
func WithAccessKey(key AccessKey) Option {
	return func(s *settings) error {
		checked, err := credential.Check(key.credential())
		if err != nil {
			return fmt.Errorf("WithAccessKey: %w", err)
		}
		provider, err := credentials.NewCredential(new(credentials.Config).
			SetType(checked.Type).
			SetAccessKeyId(checked.AccessKeyID).
			SetAccessKeySecret(checked.AccessKeySecret).
			SetSecurityToken(checked.SecurityToken))
		if err != nil {
			return errors.New("WithAccessKey: the key cannot be used") // err may hold the key
		}
		s.provider, s.keyFunc = provider, nil
		return nil
	}
}

// WithAccessKeyFunc sets a function that returns the access key, for example from a
// configuration center such as Nacos, Apollo or Vault. The Client uses a changed key
// from the next call on.
//
// The Client calls f before each request, from one goroutine at a time. Verify calls
// that wait at the same time share one call of f. So the context of f does not belong
// to any caller: it holds no values and ends after 10 s. f should return a key from
// memory, and another goroutine should watch for changes.
//
// If f fails or is slow, the Client uses the last key for up to 2 minutes after f
// last returned it:
//
//   - If f is slow, Verify waits for f at most 100 ms.
//   - If f fails, the Client calls f again after 1 s.
//
// If there is no last key, Verify returns an [ErrCredential]. Its text does not show
// the error of f, because that error may hold a secret.
func WithAccessKeyFunc(f func(ctx context.Context) (AccessKey, error)) Option {
	return func(s *settings) error {
		if f == nil {
			return errors.New("WithAccessKeyFunc: the function is nil")
		}
		s.provider, s.keyFunc = nil, func(ctx context.Context) (credential.Key, error) {
			key, err := f(ctx)
			return key.credential(), err
		}
		return nil
	}
}

func (k AccessKey) credential() credential.Key {
	key := credential.Key{Type: "access_key", AccessKeyID: k.ID, AccessKeySecret: k.Secret, SecurityToken: k.SecurityToken}
	if k.SecurityToken != "" {
		key.Type = "sts"
	}
	return key
}
