package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

const (
	// A match is remembered for the 180 days of verdictcache. A mismatch is remembered for
	// less time, because a name may change or a register may be corrected, and for more
	// than the month between two files.
	negativeTTL = 45 * 24 * time.Hour
	outputTTL   = 10 * 365 * 24 * time.Hour
)

// memory remembers the verdicts, in a SQLite file. The file holds no person: without the
// key nobody can tell who is in it, or make a verdict.
//
// It also holds the SHA-256 of each output, so that nothing is overwritten but what this
// program wrote.
type memory struct {
	*verdictcache.Cache
	store *sqlstore.Store
	db    *sql.DB
}

// openMemory opens or makes the file of -verdicts, in front of client.
func openMemory(ctx context.Context, o options, client *id2meta.Client) (*memory, error) {
	key, err := loadKey()
	if err != nil {
		return nil, err
	}
	// The key of a rehearsal is another one, so that nobody takes the simulator's verdicts
	// for real ones.
	if o.simulator {
		sum := sha256.Sum256(append(key, "simulator"...))
		key = sum[:]
	}
	db, err := openSQLite(o.verdicts)
	if err != nil {
		return nil, err
	}
	m := &memory{db: db}
	if err := m.open(ctx, client, key); err != nil {
		db.Close()
		return nil, fmt.Errorf("%s cannot be used: %w\nEach key has a file of its own, and a rehearsal (-simulator) has another one than the real service", o.verdicts, err)
	}
	return m, nil
}

func (m *memory) open(ctx context.Context, next id2meta.Verifier, key []byte) (err error) {
	if m.store, err = sqlstore.New(m.db, sqlstore.SQLite); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := m.store.CreateTable(ctx); err != nil {
		return err
	}
	// A row that fails can be asked about again; a row that is paid for twice stays paid for.
	m.Cache, err = verdictcache.New(next, m.store, key, verdictcache.WithNegativeTTL(negativeTTL), verdictcache.WithFailClosed())
	if err != nil {
		return err
	}
	return m.Check(ctx) // the file remembers, and was made with this key
}

// applicationID marks the SQLite files of this program; SQLite keeps it in byte 68.
const applicationID = 0x49443242

// mayReplace refuses whatever is not this program's own. Nothing, and an empty file, may be
// replaced: a run that was killed at once leaves one.
func mayReplace(path string, isOwn func(*os.File) (bool, error)) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is a symbolic link, or no regular file: choose another name", path)
	case info.Size() == 0:
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	own, err := isOwn(file)
	if err == nil && !own {
		err = fmt.Errorf("%s is of another program, or is not as this program wrote it, and stays as it is: choose another name, or move it away", path)
	}
	return err
}

func isDatabase(file *os.File) (bool, error) {
	start := make([]byte, 72)
	if _, err := file.ReadAt(start, 0); err != nil && err != io.EOF {
		return false, err
	}
	return string(start[:16]) == "SQLite format 3\x00" && binary.BigEndian.Uint32(start[68:]) == applicationID, nil
}

// openSQLite opens a file that nobody else can read.
func openSQLite(path string) (*sql.DB, error) {
	if err := mayReplace(path, isDatabase); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	file.Close()
	// Written ahead and not synchronized with every row: a power cut may cost the last
	// verdicts, and kill -9 costs none. The mark comes first, in a transaction of its own.
	name := url.URL{Path: filepath.Clean(path)}
	db, err := sql.Open("sqlite", "file:"+name.EscapedPath()+"?_pragma=busy_timeout(5000)&_pragma=synchronous(NORMAL)")
	if err == nil {
		_, err = db.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA journal_mode = WAL", applicationID))
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be used: %w", path, err)
	}
	return db, nil
}

// knows reports whether a person need not be asked about. People whom another run is asking
// about right now, or was when it was killed, count as known.
func (m *memory) knows(ctx context.Context, param id2meta.Param) (bool, error) {
	keys, err := m.Keys(param)
	if err != nil {
		return false, err
	}
	value, err := m.store.Load(ctx, keys[0])
	return value != nil, err
}

// wrote remembers the output that is about to be published.
func (m *memory) wrote(output io.Reader) error {
	key, err := digest(output)
	if err != nil {
		return err
	}
	_, err = m.store.CompareAndSwap(context.Background(), key, nil, []byte("an output"), outputTTL)
	return err
}

// isOutput reports whether a file is as this program wrote it.
func (m *memory) isOutput(file *os.File) (bool, error) {
	key, err := digest(file)
	if err != nil {
		return false, err
	}
	value, err := m.store.Load(context.Background(), key)
	return value != nil, err
}

func digest(r io.Reader) (key verdictcache.Key, err error) {
	sum := sha256.New()
	_, err = io.Copy(sum, r)
	return verdictcache.Key(sum.Sum(nil)), err
}

// forget deletes the file of verdicts.
func forget(path string, stdout io.Writer) error {
	err := mayReplace(path, isDatabase)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be deleted: %w", path, err)
	}
	for _, ending := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(path + ending); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	fmt.Fprintf(stdout, `%s is deleted. The next run asks, and pays, about everybody again.
It had no names and no numbers; without the key nobody could tell who was in it.
The input and the outputs are about people, too, and are still there: delete them,
and their copies and backups, when you no longer need them.
`, path)
	return nil
}
