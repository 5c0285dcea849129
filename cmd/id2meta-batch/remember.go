package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	_ "modernc.org/sqlite"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// hashKeyVariable is the environment variable with the key of -remember.
const hashKeyVariable = "ID2META_BATCH_HASH_KEY"

const (
	rememberMatch = 180 * 24 * time.Hour
	// A mismatch is remembered for less time, because a name may change or a
	// register may be corrected, and for more than the month between two files.
	rememberNegative = 45 * 24 * time.Hour
)

// memory is a verdictcache.Cache in a file of SQLite. The file holds no person:
// without the key nobody can tell who is in it.
type memory struct {
	*verdictcache.Cache
	db *sql.DB
}

// openMemory opens or makes the file of -remember, in front of next.
func openMemory(ctx context.Context, o options, next id2meta.Verifier) (*memory, error) {
	key, err := o.hashKey()
	if err != nil {
		return nil, err
	}
	db, err := openSQLite(o.remember)
	if err != nil {
		return nil, err
	}
	m := &memory{db: db}
	if m.Cache, err = newCache(ctx, db, next, key); err != nil {
		m.close()
		return nil, fmt.Errorf("-remember %s: %w", o.remember, err)
	}
	return m, nil
}

func newCache(ctx context.Context, db *sql.DB, next id2meta.Verifier, key []byte) (*verdictcache.Cache, error) {
	store, err := sqlstore.New(db, sqlstore.SQLite)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := store.CreateTable(ctx); err != nil {
		return nil, err
	}
	return verdictcache.New(next, store, key,
		verdictcache.WithMatchTTL(rememberMatch),
		verdictcache.WithNegativeTTL(rememberNegative),
		// A row that fails can be tried again; a row that is paid for twice
		// stays paid for.
		verdictcache.WithFailClosed())
}

// openSQLite opens a file that nobody else can read.
func openSQLite(path string) (*sql.DB, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Written ahead and not synchronized with every row: a power cut may cost the
	// last verdicts, as it may in the output.
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: "_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"}
	return sql.Open("sqlite", dsn.String())
}

// hashKey returns the key of this run's verdicts. A rehearsal has another key, so
// that nobody takes the simulator's verdicts for real ones. White space around the
// secret is no part of it: a file that it comes from ends in a line feed.
func (o options) hashKey() ([]byte, error) {
	secret := strings.TrimSpace(os.Getenv(hashKeyVariable))
	if len(secret) < 32 {
		return nil, errors.New("-remember needs a secret key of 32 characters or more in " + hashKeyVariable + ": make one with openssl rand -hex 32, and keep it, since without it the file is of no use")
	}
	// verdictcache refuses such a key, and does not see it behind the derivation.
	if _, size := utf8.DecodeRuneInString(secret); strings.ReplaceAll(secret, secret[:size], "") == "" {
		return nil, errors.New(hashKeyVariable + " is one repeated character, so anybody can guess it: make a key with openssl rand -hex 32")
	}
	return hkdf.Key(sha256.New, []byte(secret), nil, "id2meta batch, "+o.source(), sha256.Size)
}

// spared returns how many rows were not asked about, because the verdict was
// known.
func (m *memory) spared() int {
	if m == nil {
		return 0
	}
	s := m.Stats()
	return int(s.Remembered + s.Shared)
}

func (m *memory) close() { m.db.Close() }
