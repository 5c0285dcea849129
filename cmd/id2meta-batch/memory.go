package main

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
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
)

// memory remembers the verdicts, in a SQLite file. The file holds no person: without the
// key nobody can tell who is in it, or make a verdict.
//
// It also holds a digest of each output, so that nothing is overwritten but what this
// program wrote.
type memory struct {
	*verdictcache.Cache
	store *sqlstore.Store
	db    *sql.DB
	key   []byte // of the digests
}

// openMemory opens or makes the file of -verdicts, in front of client.
func openMemory(ctx context.Context, o options, client *id2meta.Client) (*memory, error) {
	key, err := loadKey()
	if err != nil {
		return nil, err
	}
	db, err := openSQLite(o.verdicts)
	if err != nil {
		return nil, err
	}
	m := &memory{db: db}
	if err := m.open(ctx, o, client, key); err != nil {
		db.Close()
		return nil, fmt.Errorf("%s cannot be used: %w\nA rehearsal (-simulator) and the real service need files of their own", o.verdicts, err)
	}
	return m, nil
}

func (m *memory) open(ctx context.Context, o options, client *id2meta.Client, key []byte) (err error) {
	// The key of a rehearsal is another one, so that nobody takes the simulator's verdicts
	// for real ones.
	if o.simulator {
		if key, err = hkdf.Key(sha256.New, key, nil, "id2meta-batch simulator", sha256.Size); err != nil {
			return err
		}
	}
	if m.key, err = hkdf.Key(sha256.New, key, nil, "id2meta-batch outputs", sha256.Size); err != nil {
		return err
	}
	if m.store, err = sqlstore.New(m.db, sqlstore.SQLite); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := m.store.CreateTable(ctx); err != nil {
		return err
	}
	if _, err := m.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS id2meta_batch_outputs (digest BLOB PRIMARY KEY)"); err != nil {
		return err
	}
	m.Cache, err = verdictcache.New(client, m.store, key, verdictcache.WithMatchTTL(matchTTL), verdictcache.WithNegativeTTL(negativeTTL),
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

// checkFile refuses whatever is no file of this program, and reports whether there is one.
func checkFile(path string) (found bool, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		for _, ending := range []string{"-wal", "-shm", "-journal"} {
			if _, err := os.Lstat(path + ending); err == nil {
				return false, fmt.Errorf("%s is there without %s: SQLite would overwrite it. Choose another -verdicts", path+ending, path)
			}
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s is a symbolic link, or no regular file: choose another -verdicts", path)
	}
	if info.Size() == 0 { // made by a run that was killed at once
		return true, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	start := make([]byte, 72)
	if _, err := io.ReadFull(file, start); err != nil || string(start[:16]) != "SQLite format 3\x00" || binary.BigEndian.Uint32(start[68:]) != applicationID {
		return false, fmt.Errorf("%s is a file of another program, and stays as it is: choose another -verdicts", path)
	}
	return true, nil
}

// openSQLite opens a file that nobody else can read.
func openSQLite(path string) (*sql.DB, error) {
	if _, err := checkFile(path); err != nil {
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

// finish waits until every verdict that was asked for is saved.
func (m *memory) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return m.Wait(ctx)
}

func (m *memory) close() { m.db.Close() }

func (m *memory) digest() hash.Hash { return hmac.New(sha256.New, m.key) }

// remember notes the digest of an output that is about to be published.
func (m *memory) remember(digest []byte) error {
	_, err := m.db.Exec("INSERT OR IGNORE INTO id2meta_batch_outputs VALUES (?)", digest)
	return err
}

// mayReplace returns an error if there is something at path that this program did not
// write, or that somebody has changed since.
func (m *memory) mayReplace(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is a symbolic link, or no regular file: choose another -out", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := m.digest()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	var found int
	if err := m.db.QueryRow("SELECT count(*) FROM id2meta_batch_outputs WHERE digest = ?", sum.Sum(nil)).Scan(&found); err != nil {
		return err
	}
	if found == 0 && info.Size() > 0 {
		return fmt.Errorf("%s exists, and is not as this program wrote it with this file of verdicts: choose another -out, or move it away", path)
	}
	return nil
}

// forget deletes the file of verdicts.
func forget(path string, stdout io.Writer) error {
	found, err := checkFile(path)
	if err == nil && !found {
		err = fmt.Errorf("%s is not there", path)
	}
	if err != nil {
		return err
	}
	for _, file := range []string{path + "-wal", path + "-shm", path + "-journal", path} {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
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
