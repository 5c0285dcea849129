package testserver

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestServerOfRoot(t *testing.T) {
	s := PostgreSQL(t)
	if os.Geteuid() != 0 {
		t.Skip("the test does not run as root")
	}
	info, err := os.Stat(filepath.Join(s.Dir(), "data", "PG_VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid), fmt.Sprint(s.owner.uid); got != want || got == "0" {
		t.Errorf("the data belongs to %s, want %s", got, want)
	}
}
