package id2meta

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

func (k *call) logAttempt(ctx context.Context, host string, took time.Duration, status int, result Result, failed error) {
	if !k.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	code, requestID := "200", result.RequestID
	if failed != nil {
		code = ""
		if e, ok := errors.AsType[*APIError](failed); ok {
			code, requestID = e.Code, e.RequestID
		}
	}
	k.logger.LogAttrs(ctx, slog.LevelDebug, "id2meta: attempt",
		slog.String("endpoint", host),
		slog.Int("attempt", k.attempts),
		slog.Duration("duration", took),
		slog.Int("http_status", status),
		slog.String("code", code),
		slog.String("request_id", requestID))
}

func (k *call) logRetry(ctx context.Context, row *outcome, failed error, wait time.Duration) {
	message := "id2meta: retry"
	if row.retry == atOnce {
		message = "id2meta: failover"
	}
	k.logger.LogAttrs(ctx, slog.LevelWarn, message,
		slog.Int("attempt", k.attempts),
		slog.Duration("wait", wait),
		slog.String("reason", failed.Error()))
}
