package redistest

import (
	"context"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testserver"
)

// Client returns a client of a server, closed with the test. It has go-redis's own
// timeouts, which are long, unless change says otherwise.
func Client(t testing.TB, server *testserver.Server, change func(*redis.Options)) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(server.DSN())
	require.NoError(t, err)
	options.ContextTimeoutEnabled = true
	if change != nil {
		change(options)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// Sent is a hook of a client that notes what is sent.
type Sent struct {
	mu       sync.Mutex
	commands []string
	scripts  []string
}

// Take returns the commands since it was called last.
func (s *Sent) Take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	commands := s.commands
	s.commands = nil
	return commands
}

// DialHook implements [redis.Hook].
func (s *Sent) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements [redis.Hook].
func (s *Sent) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements [redis.Hook].
func (s *Sent) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		s.mu.Lock()
		s.commands = append(s.commands, cmd.Name())
		if cmd.Name() == "eval" {
			s.scripts = append(s.scripts, cmd.Args()[1].(string))
		}
		s.mu.Unlock()
		return next(ctx, cmd)
	}
}
