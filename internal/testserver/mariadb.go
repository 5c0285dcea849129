package testserver

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// MariaDB starts a MariaDB server with a database "test". The args are options of
// the program mariadbd, such as "--general-log".
func MariaDB(t testing.TB, args ...string) *Server {
	t.Helper()
	dirs := []string{"/usr/sbin", "/usr/bin", "/usr/libexec"} // they may not be in the PATH
	mariadbd := find(t, dirs, "mariadbd")
	install := find(t, dirs, "mariadb-install-db")
	dump := find(t, dirs, "mariadb-dump")

	s := newServer(t, "")
	data, socket := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "socket")
	common := []string{"--no-defaults", "--datadir=" + data, "--tmpdir=" + s.dir, "--innodb-flush-method=nosync",
		"--innodb-flush-log-at-trx-commit=2", "--innodb-log-file-size=16M"}
	if os.Geteuid() == 0 {
		common = append(common, "--user=root") // mariadbd refuses to run as root without this option
	}
	s.kind = kind{
		name:    "MariaDB",
		program: mariadbd,
		args: append(append(common[:len(common):len(common)],
			"--socket="+socket, "--pid-file="+filepath.Join(s.dir, "pid"), "--skip-networking",
			"--innodb-buffer-pool-size=32M", "--performance-schema=OFF", "--max-connections=300"), args...),
		stop: syscall.SIGTERM,
		dsn:  "root@unix(" + socket + ")/test",
		dump: []string{dump, "--no-defaults", "--socket=" + socket, "--user=root", "--all-databases"},
		ready: func(ctx context.Context, s *Server) error {
			return greets(ctx, socket)
		},
	}
	s.run(install, append(common, "--auth-root-authentication-method=normal")...)
	s.Start()
	return s
}

// greets returns nil if the server sends a greeting. MariaDB sends a greeting when it is
// ready.
func greets(ctx context.Context, socket string) error {
	conn, err := dial(ctx, socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Read(make([]byte, 1))
	return err
}

// dial connects to a socket for one short request.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(soon())
}
