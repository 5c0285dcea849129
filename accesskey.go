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

// AccessKey is an access key of Alibaba Cloud, for keys that do not come from the
// provider chain. Every verb of fmt, log/slog, and JSON, text and YAML encoders show
// *** instead of an AccessKey. Decoders fill its fields as those of any struct.
type AccessKey struct {
	ID            string
	Secret        string
	SecurityToken string // of STS; empty for a permanent key
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
// space around its fields is ignored. The default is the provider chain; see
// [WithCredential].
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
// configuration centre such as Nacos, Apollo or Vault. A changed key counts at the
// next call.
//
// The Client calls f for each Verify, from one goroutine at a time. Callers that
// wait at the same time share one answer, so the context of f belongs to no caller:
// it holds no values and ends after 10 s. A call that already has a key waits for f at most 100 ms; when f
// fails or is slow, the Client goes on with the last key for up to 2 minutes. Verify
// returns an [ErrCredential] that does not show the error of f, because that error
// may hold a secret. f should return from memory, and let a watcher follow the
// changes.
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
