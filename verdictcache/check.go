package verdictcache

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Check reports whether the Store remembers, and whether it was used with another hashKey. Call
// Check when the process starts, before the first person. It is also good for a readiness check,
// at most once in some seconds.
//
// Check writes, replaces, reads and removes a value that stands for nobody. If the Store has a
// method Check(ctx) error, Check calls it, too. If the Store fails, the error wraps
// [id2meta.ErrUnavailable] and the error of the Store.
//
// The Store also holds a fingerprint of the hashKey, from which nobody can learn the hashKey. If
// there is no fingerprint, Check writes it. If the fingerprint is of another hashKey, this Cache
// would not find the verdicts of the other processes, and everybody would be billed again: Check
// returns an error. If the fingerprint is of a previous hashKey ([WithPreviousHashKeys]), Check
// replaces it by that of the current hashKey. Caches with another name ([WithAccount]) have
// another fingerprint. Somebody who can write the Store can change or delete the fingerprint. So
// they can cause or prevent this error, and nothing else.
func (c *Cache) Check(ctx context.Context) error {
	if err := c.checkCall(ctx, "Check"); err != nil {
		return err
	}
	err, known := c.checkMemory(ctx), false
	if err == nil {
		known, err = c.checkFingerprint(ctx)
	}
	switch {
	case err != nil:
		return storeError(ctx, "Check: the store does not remember", err)
	case !known:
		return fmt.Errorf("verdictcache: Check: the store was used with another hashKey, so its verdicts would not be found: "+
			"give every process the same hashKey, and name earlier ones with WithPreviousHashKeys; "+
			"another account in the same store needs WithAccount; "+
			"to begin anew with this hashKey, delete Key %x from the store", fingerprintKey(c.account))
	}
	return nil
}

var errForgetful = errors.New("the store does not return what was written")

// checkMemory takes the steps of a new person.
func (c *Cache) checkMemory(ctx context.Context) error {
	if store, ok := c.store.(interface{ Check(context.Context) error }); ok {
		if err := c.step(ctx, "Check", stepTimeout(ctx), store.Check); err != nil {
			return err
		}
	}
	var key Key
	rand.Read(key[:]) // never fails
	claim, verdict := []byte("check: claim"), []byte("check: verdict")
	for _, change := range [][2][]byte{{nil, claim}, {claim, verdict}, {verdict, nil}} {
		old, new := change[0], change[1]
		if _, err := c.swap(ctx, key, old, new, time.Minute, stepTimeout(ctx)); err != nil {
			return err
		}
		raw, err := c.loadRaw(ctx, key, stepTimeout(ctx))
		if err != nil {
			return err
		}
		if !bytes.Equal(raw, new) {
			return errForgetful
		}
	}
	return c.remove(ctx, key, stepTimeout(ctx))
}

// fingerprintTTL is the longest ttl that every Store has to accept.
const fingerprintTTL = 100 * 365 * 24 * time.Hour

// fingerprintKey is where the fingerprint of an account stands. It is the Key of nobody, since
// the Keys of people are made with a hashKey.
func fingerprintKey(account string) Key {
	return sha256.Sum256([]byte(labelFingerprint + " of account " + account))
}

// checkFingerprint reports whether the Store has the fingerprint of one of the hashKeys, and
// writes that of the current hashKey.
func (c *Cache) checkFingerprint(ctx context.Context) (known bool, err error) {
	key, current := fingerprintKey(c.account), c.rings[0].fingerprint
	for range 3 {
		raw, err := c.loadRaw(ctx, key, stepTimeout(ctx))
		switch {
		case err != nil:
			return false, err
		case bytes.Equal(raw, current):
			return true, nil
		case raw != nil && !slices.ContainsFunc(c.rings[1:], func(k *keyring) bool { return bytes.Equal(raw, k.fingerprint) }):
			return false, nil
		}
		swapped, err := c.swap(ctx, key, raw, current, fingerprintTTL, stepTimeout(ctx))
		if swapped || err != nil {
			return swapped, err
		}
		// Another process was faster.
	}
	return true, nil // processes before and after a rotation take turns, which does no harm
}
