package redistest

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Scripts is a hook of a client that notes the scripts that EVAL sends.
type Scripts struct {
	mu   sync.Mutex
	sent []string
}

// Sent returns the scripts.
func (s *Scripts) Sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// DialHook implements [redis.Hook].
func (s *Scripts) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements [redis.Hook].
func (s *Scripts) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements [redis.Hook].
func (s *Scripts) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "eval" {
			s.mu.Lock()
			s.sent = append(s.sent, cmd.Args()[1].(string))
			s.mu.Unlock()
		}
		return next(ctx, cmd)
	}
}
