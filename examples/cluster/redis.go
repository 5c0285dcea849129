package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/redis/go-redis/v9"
)

// newRedis returns a client from redis://user:password@host:6379/0 or, with TLS,
// rediss://….
func newRedis(url string) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("-redis: it must be an address of the form redis://host:6379/0") // err repeats the password
	}
	// What the Limiter has given up ends, and is not tried again in the background.
	options.ContextTimeoutEnabled = true
	return redis.NewClient(options), nil
}

var errNoRedis = errors.New(`there is no redis-server on the PATH. Install it (Debian, Ubuntu):
    apt-get install redis-server
or name a Redis that runs already:
    -redis redis://127.0.0.1:6379/0`)

// redisServer is a redis-server of this process's own, on a free port of
// 127.0.0.1. It keeps nothing on disk.
type redisServer struct {
	url     string
	addr    string
	dir     string
	command *exec.Cmd
}

func startRedis(ctx context.Context) (*redisServer, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errNoRedis
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "id2meta-redis-")
	if err != nil {
		return nil, err
	}
	r := &redisServer{url: "redis://" + addr + "/0", addr: addr, dir: dir}
	if err := r.start(ctx, path); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

func (r *redisServer) start(ctx context.Context, path string) error {
	host, port, _ := net.SplitHostPort(r.addr)
	r.command = exec.Command(path, "--bind", host, "--port", port, "--dir", r.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning")
	if err := r.command.Start(); err != nil {
		return fmt.Errorf("redis-server: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := newRedis(r.url)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		err := client.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("redis-server does not answer: %w", err)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// kill ends the server at once, as a crash would.
func (r *redisServer) kill() {
	if r.command == nil || r.command.Process == nil || r.command.ProcessState != nil {
		return
	}
	r.command.Process.Kill()
	r.command.Wait()
}

func (r *redisServer) stop() {
	r.kill()
	os.RemoveAll(r.dir)
}

// freeAddr returns an address of 127.0.0.1 that nobody listens on.
func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
