package main

import (
	"context"
	"crypto/hkdf"
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
	matchTTL = 180 * 24 * time.Hour
	// A mismatch is remembered for less time, because a name may change or a register may
	// be corrected, and for more than the month between two files.
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
		if key, err = hkdf.Key(sha256.New, key, nil, "id2meta-batch simulator", sha256.Size); err != nil {
			return nil, err
		}
	}
	m := &memory{}
	if m.db, err = openSQLite(o.verdicts); err != nil {
		return nil, fmt.Errorf("%s cannot be used: %w", o.verdicts, err)
	}
	if err := m.open(ctx, client, key); err != nil {
		m.db.Close()
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
	m.Cache, err = verdictcache.New(next, m.store, key, verdictcache.WithMatchTTL(matchTTL), verdictcache.WithNegativeTTL(negativeTTL),
		// A row that fails can be asked about again; a row that is paid for twice stays
		// paid for.
		verdictcache.WithFailClosed())
	if err != nil {
		return err
	}
	return m.Check(ctx) // the file remembers, and was made with this key
}

// applicationID marks the SQLite files of this program; SQLite keeps it in byte 68.
const applicationID = 0x49443242

// checkFile refuses whatever is no file of this program. A file that is not there is fine.
func checkFile(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is a symbolic link, or no regular file: choose another -verdicts")
	case info.Size() == 0: // made by a run that was killed at once
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	start := make([]byte, 72)
	if _, err := io.ReadFull(file, start); err != nil || string(start[:16]) != "SQLite format 3\x00" || binary.BigEndian.Uint32(start[68:]) != applicationID {
		return errors.New("it is a file of another program, and stays as it is: choose another -verdicts")
	}
	return nil
}

// openSQLite opens a file that nobody else can read.
func openSQLite(path string) (*sql.DB, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Written ahead and not synchronized with every row: a power cut may cost the last
	// verdicts, and kill -9 costs none.
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: "_pragma=busy_timeout(5000)&_pragma=synchronous(NORMAL)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err == nil && info.Size() == 0 {
		// The mark comes first, in a transaction of its own.
		_, err = db.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA journal_mode = WAL", applicationID))
	}
	return db, err
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

// finish waits until every verdict that was asked for is saved.
func (m *memory) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return m.Wait(ctx)
}

// wrote remembers the output that is about to be published.
func (m *memory) wrote(ctx context.Context, output io.Reader) error {
	key, err := digest(output)
	if err != nil {
		return err
	}
	_, err = m.store.CompareAndSwap(ctx, key, nil, []byte("an output"), outputTTL)
	return err
}

// mayReplace returns an error if there is something at path that this program did not
// write, or that somebody has changed since.
func (m *memory) mayReplace(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is a symbolic link, or no regular file: choose another -out", path)
	case info.Size() == 0:
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	key, err := digest(file)
	if err != nil {
		return err
	}
	value, err := m.store.Load(ctx, key)
	if err == nil && value == nil {
		err = fmt.Errorf("%s exists, and is not as this program wrote it with this file of verdicts: choose another -out, or move it away", path)
	}
	return err
}

func digest(r io.Reader) (key verdictcache.Key, err error) {
	sum := sha256.New()
	_, err = io.Copy(sum, r)
	return verdictcache.Key(sum.Sum(nil)), err
}

// forget deletes the file of verdicts.
func forget(path string, stdout io.Writer) error {
	err := checkFile(path)
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
