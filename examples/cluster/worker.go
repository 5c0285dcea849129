package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/redislimiter"
)

// The person whom the demonstration asks about: GB 11643's own sample number.
const (
	sampleName   = "张三"
	sampleNumber = "11010519491231002X"
)

// newVerifier returns a client whose requests wait for the shared limit.
func newVerifier(c config, log *slog.Logger) (id2meta.Verifier, func(), error) {
	client, err := newRedis(c.redis)
	if err != nil {
		return nil, nil, err
	}
	limiting := []redislimiter.Option{redislimiter.WithLogger(log)}
	if c.whenDown == "open" {
		limiting = append(limiting, redislimiter.WithFailOpen())
	}
	limiter, err := redislimiter.New(client, c.key, limiting...)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	options := []id2meta.Option{
		id2meta.WithLimiter(limiter),
		id2meta.WithLogger(log),
	}
	if c.endpoint != "" {
		options = append(options, id2meta.WithEndpoints(c.endpoint))
	}
	verifier, err := id2meta.New(options...)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return verifier, func() {
		verifier.CloseIdleConnections()
		client.Close()
	}, nil
}

// row is a person and where it stood.
type row struct {
	line  int
	param id2meta.Param
}

// verifyCSV asks once about each person on stdin, and prints the verdicts by
// line number. What it prints holds nothing of the person.
func verifyCSV(ctx context.Context, c config, stdin io.Reader, stdout io.Writer, log *slog.Logger) error {
	verifier, closeAll, err := newVerifier(c, log)
	if err != nil {
		return err
	}
	defer closeAll()

	rows := make(chan row)
	var printing sync.Mutex
	done := start(c.workers, rows, func(r row) {
		result, err := verifier.Verify(ctx, r.param)
		printing.Lock()
		defer printing.Unlock()
		if err != nil {
			fmt.Fprintf(stdout, "line %d: %v\n", r.line, err)
			return
		}
		fmt.Fprintf(stdout, "line %d: %v\n", r.line, result.BizCode)
	})
	err = readCSV(ctx, stdin, rows)
	close(rows)
	done()
	return err
}

func readCSV(ctx context.Context, stdin io.Reader, rows chan<- row) error {
	reader := csv.NewReader(stdin)
	reader.FieldsPerRecord = 2
	for ctx.Err() == nil {
		record, err := reader.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		line, _ := reader.FieldPos(0)
		rows <- row{line, id2meta.Param{UserName: record[0], IdentifyNum: record[1]}}
	}
	return ctx.Err()
}

// verifyAtFullSpeed asks about the sample person as often as it may until the
// time is up, and logs what came of it.
func verifyAtFullSpeed(ctx context.Context, c config, log *slog.Logger) error {
	verifier, closeAll, err := newVerifier(c, log)
	if err != nil {
		return err
	}
	defer closeAll()
	// Verify is not given the end of the demonstration as its deadline, or the
	// last calls would rightly be refused for want of time.
	working, cancel := context.WithTimeout(ctx, c.duration)
	defer cancel()

	var (
		counting                   sync.Mutex
		verdicts, throttled, other int
		last                       error
	)
	rows := make(chan row)
	done := start(c.workers, rows, func(r row) {
		_, err := verifier.Verify(ctx, r.param)
		if ctx.Err() != nil {
			return
		}
		counting.Lock()
		switch {
		case err == nil:
			verdicts++
		case errors.Is(err, id2meta.ErrThrottled):
			throttled++
			last = err
		default:
			other++
			last = err
		}
		counting.Unlock()
		if err != nil {
			pause(ctx, 100*time.Millisecond) // closed: do not turn in circles
		}
	})
	for working.Err() == nil {
		select {
		case rows <- row{param: id2meta.Param{UserName: sampleName, IdentifyNum: sampleNumber}}:
		case <-working.Done():
		}
	}
	close(rows)
	done()
	attributes := []any{"verdicts", verdicts, "throttled", throttled, "other_errors", other}
	if last != nil {
		attributes = append(attributes, "last_error", last)
	}
	log.Info("worker process done", attributes...)
	return nil
}

// start hands the rows to n goroutines. The returned function waits until rows
// is closed and all are done.
func start(n int, rows <-chan row, handle func(row)) (wait func()) {
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			for r := range rows {
				handle(r)
			}
		})
	}
	return group.Wait
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
