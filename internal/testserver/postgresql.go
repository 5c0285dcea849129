package testserver

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// PostgreSQL starts a PostgreSQL server. It uses the program postgres in the PATH, or
// else the newest version in Debian's directories. The args are options of the program
// postgres, such as "-c", "log_statement=all". If the test runs as root, the server runs
// as the user postgres.
func PostgreSQL(t testing.TB, args ...string) *Server {
	t.Helper()
	postgres := find(t, postgreSQLDirs(), "postgres")
	if path, err := filepath.EvalSymlinks(postgres); err == nil {
		postgres = path
	}
	bin := filepath.Dir(postgres) // the tools in this directory have the same version

	s := newServer(t, "postgres")
	data := filepath.Join(s.dir, "data")
	s.kind = kind{
		name:    "PostgreSQL",
		program: postgres,
		args: append([]string{"-D", data, "-k", s.dir,
			"-c", "listen_addresses=", "-c", "port=5432", "-c", "max_connections=300",
			"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB"}, args...),
		stop: os.Interrupt, // a fast shutdown; with SIGTERM, PostgreSQL waits for its clients
		dsn:  "host=" + s.dir + " port=5432 user=postgres dbname=postgres sslmode=disable",
		dump: []string{filepath.Join(bin, "pg_dumpall")},
		env:  []string{"PGHOST=" + s.dir, "PGPORT=5432", "PGUSER=postgres"},
		ready: func(ctx context.Context, s *Server) error {
			return s.command(ctx, filepath.Join(bin, "pg_isready"), "--quiet", "--timeout=1").Run()
		},
	}
	s.run(filepath.Join(bin, "initdb"), "--no-sync", "--auth=trust", "--username=postgres",
		"--encoding=UTF8", "--locale=C", "-D", data)
	s.Start()
	return s
}

// postgreSQLDirs returns Debian's directories of the programs, the newest version first.
func postgreSQLDirs() []string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	version := func(dir string) float64 {
		v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64) // 9.6 comes before 15
		return v
	}
	slices.SortFunc(dirs, func(a, b string) int { return int(version(b)*10 - version(a)*10) })
	return dirs
}
