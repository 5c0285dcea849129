package testserver

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Redis starts a Redis server that writes each change to its append-only file. The args
// are options of the program redis-server. They replace the options of this function:
// "--port", "7000" makes the server also listen on 127.0.0.1.
func Redis(t testing.TB, args ...string) *Server {
	t.Helper()
	program := find(t, []string{"/usr/bin", "/usr/local/bin"}, "redis-server")
	cli := find(t, []string{"/usr/bin", "/usr/local/bin"}, "redis-cli")

	s := newServer(t, "")
	socket := filepath.Join(s.dir, "socket")
	s.kind = kind{
		name:    "Redis",
		program: program,
		args: append([]string{"--dir", s.dir, "--unixsocket", socket, "--port", "0", "--bind", "127.0.0.1",
			"--appendonly", "yes", "--appendfsync", "no", "--save", "",
			"--repl-diskless-sync-delay", "0", // otherwise a dump takes five seconds
		}, args...),
		stop: syscall.SIGTERM,
		dsn:  "unix://" + socket,
		dump: []string{cli, "-s", socket, "--rdb", "-"},
		ready: func(ctx context.Context, s *Server) error {
			return ping(ctx, socket)
		},
	}
	s.Start()
	return s
}

// ping sends PING. A Redis that still loads its data answers with an error.
func ping(ctx context.Context, socket string) error {
	conn, err := dial(ctx, socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err == nil && string(answer[:n]) != "+PONG\r\n" {
		err = fmt.Errorf("it answers %q", answer[:n])
	}
	return err
}

// soon returns the deadline for an answer of a healthy server.
func soon() time.Time { return time.Now().Add(time.Second) }
