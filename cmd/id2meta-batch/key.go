package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/id2meta/id2meta/verdictcache"
)

// keyVariable is the environment variable for the key of the verdicts.
const keyVariable = "ID2META_BATCH_HASH_KEY"

// loadKey returns the key of the verdicts: from the environment, or from the user's
// configuration folder, where the first run makes it.
func loadKey() ([]byte, error) {
	text, from := os.Getenv(keyVariable), keyVariable
	if text == "" {
		folder, err := os.UserConfigDir()
		if err != nil {
			return nil, fmt.Errorf("there is no place for the key of the verdicts: %w. Set %s, as openssl rand -hex 32 prints it", err, keyVariable)
		}
		from = filepath.Join(folder, "id2meta", "batch.key")
		if text, err = readKey(from); err != nil {
			return nil, fmt.Errorf("the key of the verdicts: %w", err)
		}
	}
	key, err := verdictcache.ParseHashKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return key, nil
}

// readKey reads a file, which it makes if there is none.
func readKey(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			info, err = os.Stat(path)
		}
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("others can read it: chmod 600 %s", path)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// makeKey writes a new key, whole or not at all. If another run is faster, its key stays.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "new-*.key") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	key := make([]byte, 32)
	rand.Read(key) // never fails
	_, err = fmt.Fprintln(file, hex.EncodeToString(key))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
