package verdictcache

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta"
)

// The vectors are from openssl, for all processes and all versions of this package
// must agree on the keys:
//
//	printf '\x01\0\0\0\0\0\0\0\x06张三\0\0\0\0\0\0\0\x1211010519491231002X' |
//		openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
func TestKeyVectors(t *testing.T) {
	key := newKeyer([]byte("0123456789abcdef0123456789abcdef"))
	for _, c := range []struct {
		sentence string
		param    id2meta.Param
		want     string
	}{
		{"张三", id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"}, "9397880fe1b6a96d832c33352ead6b991b645ccb2d61994f44b219e124b5546e"},
		{"李四", id2meta.Param{UserName: "李四", IdentifyNum: "11010519491231002X"}, "c4b3c110027d2cf580dc92661cdef443c2508ec71a691a66e93e270a18bb83f5"},
		{"masked", id2meta.Param{UserName: "6499fc7409049355527ef6a2ba5706b8三", IdentifyNum: "110105f8817a477938df5a3e7763cadc5a9abb002X"}, "853eb176a48556729debd84178803941682c0fe3da8efb9a0d4705ad705dc8e4"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			for range 3 { // also with what the pool holds
				got := key(c.param)
				require.Equal(t, c.want, hex.EncodeToString(got[:]))
			}
		})
	}
}

func FuzzNoTwoPersonsShareAKey(f *testing.F) {
	f.Add("张三", "11010519491231002X", "张三1", "1010519491231002X")
	f.Add("", "ab", "a", "b")
	f.Add("a\x00", "b", "a", "\x00b")
	key := newKeyer(make([]byte, 32))
	f.Fuzz(func(t *testing.T, name, number, otherName, otherNumber string) {
		one := key(id2meta.Param{UserName: name, IdentifyNum: number})
		other := key(id2meta.Param{UserName: otherName, IdentifyNum: otherNumber})
		if same := name == otherName && number == otherNumber; same != (one == other) {
			t.Errorf("same person: %v, same key: %v", same, one == other)
		}
	})
}

// What the documentation says to put into migrations is what CreateTable does, and
// both are what check looks for.
func TestTheDocumentedTables(t *testing.T) {
	source, err := os.ReadFile("dialect.go")
	require.NoError(t, err)
	fold := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, "//", " ")), " ") }
	for _, d := range []Dialect{SQLite, PostgreSQL, MySQL} {
		t.Run(d.String(), func(t *testing.T) {
			create := strings.Replace(d.grammar().create, "IF NOT EXISTS ", "", 1)
			create = strings.Replace(create, "id2meta_verdicts (\nid", "id2meta_verdicts ( id", 1)
			create = strings.Replace(create, "NOT NULL)", "NOT NULL )", 1)
			require.Contains(t, fold(string(source)), fold(create))
			for _, column := range d.grammar().shape {
				name, kind, _ := strings.Cut(strings.TrimSuffix(column, " primary key"), " ")
				require.Contains(t, fold(create), name+" "+strings.ToUpper(kind))
			}
		})
	}
}

func TestDialects(t *testing.T) {
	require.Equal(t, "SQLite PostgreSQL MySQL", strings.Join([]string{SQLite.String(), PostgreSQL.String(), MySQL.String()}, " "))
	for _, d := range []Dialect{0, -1, MySQL + 1} {
		require.Nil(t, d.grammar())
		require.Contains(t, d.String(), "Dialect(")
	}
}

func TestLiterals(t *testing.T) {
	query := literals("a = $1, b = $2, c = $3, d = $1", "'; --\\", []byte{0, 0xff}, int64(-7))
	require.Equal(t, `a = x'273b202d2d5c', b = x'00ff', c = -7, d = x'273b202d2d5c'`, query)
	query = literals("$1 $2", "", "$1")
	require.Equal(t, "x'' x'2431'", query)
}

func TestNoTimeIsShorterThanItWasSaidToBe(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000, 1: 1, time.Duration(1<<63 - 1): 9223372036855,
	} {
		require.Equal(t, want, milliseconds(d), d)
	}
}

// As the drivers say it: modernc.org/sqlite, mattn/go-sqlite3, pgx, lib/pq and
// go-sql-driver/mysql.
func TestConflicts(t *testing.T) {
	for text, want := range map[string]bool{
		"database is locked (5) (SQLITE_BUSY)":      true,
		"database table is locked (262)":            true,
		"database is locked":                        true,
		"ERROR: deadlock detected (SQLSTATE 40P01)": true,
		"pq: deadlock detected":                     true,
		"ERROR: could not serialize access due to concurrent update (SQLSTATE 40001)":                                    true,
		"Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction":                         true,
		"Error 1020 (HY000): Record has changed since last read in table 'id2meta_verdicts'":                             true,
		"Error 1205 (HY000): Lock wait timeout exceeded; try restarting transaction":                                     false, // it has waited long enough
		"ERROR: relation \"id2meta_verdicts\" does not exist (SQLSTATE 42P01)":                                           false,
		"dial tcp 127.0.0.1:5432: connect: connection refused":                                                           false,
		"failed to connect to `user=u database=d`: 127.0.0.1:5432: server error: FATAL: sorry, too many clients (53300)": false,
	} {
		require.Equal(t, want, isConflict(errors.New(text)), text)
	}
}
