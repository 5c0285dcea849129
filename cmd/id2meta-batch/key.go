package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/id2meta/id2meta/verdictcache"
)

// keyVariable is the environment variable for the key of the verdicts.
const keyVariable = "ID2META_BATCH_HASH_KEY"

// loadKey returns the key of the verdicts: from the environment, or from the user's
// configuration folder, where the first run makes it.
func loadKey() ([]byte, error) {
	if text := os.Getenv(keyVariable); text != "" {
		key, err := verdictcache.ParseHashKey(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keyVariable, err)
		}
		return key, nil
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return nil, fmt.Errorf("there is no place for the key of the verdicts: %w. Set %s, as openssl rand -hex 32 prints it", err, keyVariable)
	}
	path := filepath.Join(folder, "id2meta", "batch.key")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := makeKey(path); err != nil {
			return nil, fmt.Errorf("the key of the verdicts cannot be made: %w", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read the key of the verdicts: chmod 600 %s", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := verdictcache.ParseHashKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
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
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
